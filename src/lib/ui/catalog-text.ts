import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type {
  ChannelList,
  PathAnswer,
  Publication,
  ReleaseDetail,
  ReleaseJson,
  StepJson,
  UpgradePathJson,
  YankResult,
} from '../wire/catalog.js';
import { refusalText } from './refusal-text.js';
import { factsText, gridText } from './table.js';

/** `fleet catalog publish` for people. */
export async function publicationText({ isDryRun, published, entered, release }: Publication): Promise<string> {
  const done = published ? (isDryRun ? 'would be published' : 'is published') : 'was published already';
  const fresh = entered.length > 0 ? `, ${isDryRun ? 'would be new' : 'new'} in ${entered.join(', ')}` : '';
  const { distributionSet: set } = release;
  return [
    escapeText(`${release.product} ${release.version} ${done}${fresh}`),
    factsText([
      ['sequence', `${release.sequence}, security counter ${release.securityCounter}`],
      ['digest', release.digest],
      ['models', release.models.join(', ')],
      ['channels', release.channels.map(({ name }) => name).join(', ') || 'none: whoever follows one does not get it'],
      ['assign as', set === null ? undefined : `${set.name} ${set.version}`],
    ]),
    '',
    await cutsText(release),
  ].join('\n');
}

/** `fleet catalog list` for people. */
export function releasesText(releases: readonly ReleaseJson[]): Promise<string> {
  return gridText(
    ['PRODUCT', 'VERSION', 'SEQUENCE', 'DIGEST', 'CHANNELS', 'SIZE', 'PUBLISHED', ''],
    releases.map((release) => [
      ...[release.product, release.version, release.sequence, release.digest.slice(0, 12)],
      ...[release.channels.map(({ name }) => name).join(', '), formatByteSize(release.bytes)],
      ...[release.publishedAt.slice(0, 10), release.yanked ? `withdrawn: ${release.yanked.reason}` : ''],
    ]),
  );
}

/** `fleet catalog show` for people. */
export async function releaseText(release: ReleaseDetail): Promise<string> {
  const { yanked, rollback, devices, distributionSet, releaseNotes } = release;
  return [
    escapeText(`${release.product} ${release.version}${yanked ? `, withdrawn: ${yanked.reason}` : ''}`),
    factsText([
      ['sequence', `${release.sequence}, security counter ${release.securityCounter}`],
      ['digest', release.digest],
      ['signed', release.verifies ? "as today's trust root wants it" : "not as today's trust root wants it"],
      ['vendor', release.vendor ?? undefined],
      ['build', release.buildId ?? undefined],
      ['models', release.models.join(', ')],
      ['hardware', release.hardwareRevisions?.join(', ')],
      ['created', release.createdAt ?? undefined],
      ['expires', release.expiresAt ?? 'never'],
      [
        'rollback',
        rollback?.allowed
          ? `allowed${rollback.minVersion ? ` to ${rollback.minVersion} or later` : ''}`
          : 'not allowed',
      ],
      ['depends on', release.dependsOn.map(({ component, range }) => `${component} ${range}`).join(', ') || undefined],
      ['channels', release.channels.map(({ name }) => name).join(', ') || 'none'],
      ['published', `${release.publishedAt} by ${release.publishedBy}, as ${release.filename}`],
      ['assign as', `${distributionSet.name} ${distributionSet.version}`],
      ['devices', `${devices.installed} have it, it is assigned to ${devices.assigned}`],
      ['withdrawn', yanked?.at],
    ]),
    '',
    await gridText(
      ['PAYLOAD', 'SIZE', 'OF TARGET', 'FROM', 'TO', 'MEMORY'],
      release.payloads.map(({ file, bytes, targetBytes, targetVersion, base, applyMemoryBytes }) => [
        ...[file, formatByteSize(bytes), `${((100 * bytes) / targetBytes).toFixed(1)} %`],
        ...[base === null ? '' : (base.version ?? base.sha256.slice(0, 8)), targetVersion],
        formatByteSize(applyMemoryBytes),
      ]),
    ),
    '',
    await cutsText(release),
    ...(releaseNotes === null ? [] : ['', ...releaseNotes.split('\n').map(escapeText)]),
  ].join('\n');
}

/** `fleet catalog channel list` for people. */
export function channelsText({ items }: ChannelList): Promise<string> {
  return gridText(
    ['PRODUCT', 'CHANNEL', 'NEWEST', 'SEQUENCE', 'DIGEST', 'RELEASES'],
    items.map(({ product, name, head, releases }) => [
      ...[product, name, head?.version ?? '', head?.sequence ?? '', head?.digest.slice(0, 12) ?? '', releases],
    ]),
  );
}

/** `fleet catalog channel add` and `remove` for people. */
export function inChannelsText({ product, version, channels }: ReleaseJson): string {
  const names = channels.map(({ name }) => name).join(', ');
  return escapeText(`${product} ${version} is in ${names === '' ? 'no channel' : names}`);
}

/** `fleet catalog yank` for people. */
export function yankText({ release, cancelled }: YankResult): string {
  const { product, version, yanked } = release;
  if (yanked === null) return escapeText(`${product} ${version} is offered again; what was cancelled stays so`);
  const updates = cancelled === 0 ? 'no update to it was under way' : `${cancelled} updates to it were cancelled`;
  return escapeText(`${product} ${version} is withdrawn: no device is given it any more, ${updates}`);
}

/** `fleet catalog path` for people: the steps, or what stands in the way. */
export async function pathText(answer: PathAnswer): Promise<string> {
  const { product, asked, assumed, path } = answer;
  const unsure =
    assumed.length === 0
      ? []
      : ['', `The device does not tell its ${assumed.join(', ')}: what the server knows was taken.`];
  return [
    escapeText(`${product}, from ${asked.from} to ${asked.to}: ${outcomeText(path)}`),
    ...(await wayText(path)),
    ...unsure,
  ].join('\n');
}

function outcomeText(path: UpgradePathJson): string {
  switch (path.outcome) {
    case 'found': {
      if (path.steps.length === 0) return `${path.to.version} runs already`;
      const steps = path.steps.length === 1 ? '1 step' : `${path.steps.length} steps`;
      return `${steps} to ${path.to.version}, ${formatByteSize(path.downloadBytes)} to download`;
    }
    case 'blocked':
      return `there is no way to ${path.to.version}`;
    case 'undecided':
      return `no way to ${path.to.version} was found, and there are too many to try them all`;
    case 'no-head':
      return `the channel ${path.channel} has nothing newer for this device`;
  }
}

async function wayText(path: UpgradePathJson): Promise<string[]> {
  if (path.outcome === 'found') return path.steps.length === 0 ? [] : ['', await stepsText(path.steps)];
  const lines =
    path.outcome === 'no-head'
      ? path.passedOver.map(({ release, refusals }) => ({ release, after: undefined, refusals }))
      : path.obstacles;
  return lines.flatMap(({ release, after, refusals }) => [
    escapeText(`  ${release.version} (${release.digest.slice(0, 12)})${after ? `, coming from ${after.version}` : ''}`),
    ...refusals.map((refusal) => escapeText(`    ✗ ${refusalText(refusal)}`)),
  ]);
}

function stepsText(steps: readonly StepJson[]): Promise<string> {
  return gridText(
    ['STEP', 'VERSION', 'BY', 'DOWNLOAD', 'MEMORY', 'STORAGE', 'WHY'],
    steps.map(({ release, kind, fullFallback, downloadBytes, applyMemoryBytes, storageBytes, reason }, index) => [
      ...[index + 1, release.version, fullFallback ? `${kind}, no delta applies` : kind],
      ...[formatByteSize(downloadBytes), formatByteSize(applyMemoryBytes), formatByteSize(storageBytes)],
      reasonText(reason),
    ]),
  );
}

function reasonText(reason: StepJson['reason']): string {
  if (reason.kind === 'target') return 'the target';
  if (reason.kind === 'cheaper') return `saves ${formatByteSize(Math.max(0, reason.savedBytes))}`;
  return `opens the way to ${reason.for.version}: else ${reason.refusals.map(refusalText).join('; ')}`;
}

function cutsText({ cuts }: Pick<ReleaseJson, 'cuts'>): Promise<string> {
  return gridText(
    ['DEVICES WITH', 'DOWNLOAD'],
    cuts.map(({ label, baseVersions, bytes }) => [
      label === 'full'
        ? 'anything'
        : label === 'whole'
          ? 'any of its bases'
          : `${baseVersions.join(', ') || 'image'} (${label})`,
      formatByteSize(bytes),
    ]),
  );
}

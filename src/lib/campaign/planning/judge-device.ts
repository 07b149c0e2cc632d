import { clipText } from '../../core/text.js';
import type { DriverRelease, DriverSoftware, FleetDevice } from '../../fleet-api/driver.js';
import type { AuthenticPackage } from '../../package/authenticate.js';
import { factsTold, type ToldFacts } from '../../package/device-attributes.js';
import type { DeviceState } from '../../package/device-state.js';
import { judgePackage, type PolicyVerdict } from '../../package/policy.js';
import type { PolicyCheck } from '../../package/policy-checks.js';
import type { SelectedPayload } from '../../package/select-payloads.js';

/** What a device will do with a package, as far as can be told from outside. */
export type Judgement =
  /** The very release that runs. */
  | { readonly outcome: 'current'; readonly facts: ToldFacts }
  /** `detail`: why, one sentence. */
  | { readonly outcome: 'refused'; readonly facts: ToldFacts; readonly detail: string }
  /** `selected`: what it installs; undefined: it does not tell what it has. */
  | {
      readonly outcome: 'accepted';
      readonly facts: ToldFacts;
      readonly selected: readonly SelectedPayload[] | undefined;
    };

export interface JudgeOptions {
  readonly pkg: AuthenticPackage;
  readonly releases: ReadonlyMap<string, DriverRelease>;
  readonly now: Date;
  readonly noFullFallback: boolean;
}

/** Questions about what lies on the device, which cannot be asked where it does not tell. */
const ABOUT_IMAGES: ReadonlySet<PolicyCheck['name']> = new Set(['base', 'resources', 'dependencies']);

/** What of a device's attributes is judged; all else may differ from device to device. */
export function judgedAttributes(attributes: FleetDevice['attributes']): [string, string][] {
  return Object.entries(attributes)
    .filter(
      ([name]) => name.startsWith('ota.') || name === 'product' || name === 'model' || name === 'hardwareRevision',
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Judges a package as a device would, by what it tells and, where it is silent, by what the server knows of what it runs.
 * What nobody knows is not held against it: the device decides in the end.
 */
export function judgeDevice(
  attributes: FleetDevice['attributes'],
  running: DriverSoftware | null,
  { pkg, releases, now, noFullFallback }: JudgeOptions,
): Judgement {
  const facts = factsTold(new Map(judgedAttributes(attributes)));
  if (facts.digest === pkg.digest || (facts.digest === undefined && running?.digest === pkg.digest)) {
    return { outcome: 'current', facts };
  }
  const digest = facts.digest ?? running?.digest ?? undefined;
  const release = digest === undefined ? undefined : releases.get(digest);
  const tellsImages = Object.keys(facts.components).length > 0;
  const verdict = judgePackage(pkg.metadata, stateOf(facts, release, pkg), {
    name: pkg.name,
    digest: pkg.digest,
    contained: new Set(pkg.payloads.map(({ entry }) => entry.file)),
    now,
    noFullFallback,
    trustedKeyids: pkg.trustedKeyids,
  });
  const knowsImages = tellsImages || release !== undefined;
  const refusal = firstRefusal(verdict, knowsImages);
  if (refusal !== undefined) return { outcome: 'refused', facts, detail: withoutName(refusal, pkg.name) };
  return { outcome: 'accepted', facts, selected: knowsImages ? verdict.selected : undefined };
}

function firstRefusal({ checks }: PolicyVerdict, knowsImages: boolean): string | undefined {
  return checks.filter(({ name }) => knowsImages || !ABOUT_IMAGES.has(name)).flatMap(({ failures }) => failures)[0]
    ?.message;
}

/** What is not known is taken to be as the package wants it. */
function stateOf(
  { digest: _, spares: __, components, ...facts }: ToldFacts,
  release: DriverRelease | undefined,
  { metadata }: AuthenticPackage,
): DeviceState {
  const { models, hardwareRevisions } = metadata.compatible;
  // Whoever tells the model and no revision has none.
  const hardwareRevision =
    facts.model === undefined ? (facts.hardwareRevision ?? hardwareRevisions?.[0]) : facts.hardwareRevision;
  const brought = (release?.components ?? []).map(
    ({ component, version, sha256 }) => [component, { version, sha256 }] as const,
  );
  return {
    ...facts,
    spec: 'ota-fleet-device/1',
    product: facts.product ?? metadata.product,
    model: facts.model ?? models[0]!,
    ...(hardwareRevision !== undefined && { hardwareRevision }),
    components: { ...Object.fromEntries(brought), ...components },
    ...(release && { running: runningOf(release) }),
    history: [],
    securityCounter: facts.securityCounter ?? release?.securityCounter ?? 0,
  };
}

function runningOf({ digest, version, sequence }: DriverRelease): NonNullable<DeviceState['running']> {
  return { digest, version, sequence };
}

/** The name of the file says nothing to who reads a plan of thousands of devices. */
function withoutName(message: string, name: string): string {
  const text = message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
  return clipText(text, 512);
}

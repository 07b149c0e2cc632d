import { Flags } from '@oclif/core';
import { deltaSettings, requireFullAccepted } from '../../cli/delta-choices.js';
import { BASE_ADDRESS_SUMMARY, deltaFlags, MACHINE_SUMMARY } from '../../cli/delta-flags.js';
import { openComponents } from '../../cli/pack-input.js';
import { askForMissing } from '../../cli/pack-questions.js';
import { planNotes } from '../../cli/plan-notes.js';
import { openSigners, signerFlags } from '../../cli/signing.js';
import { trialFields, trialFlags } from '../../cli/trial-flags.js';
import { DELTA_FORMATS } from '../../lib/delta/formats.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { readContainerRoots } from '../../lib/package/container-roots.js';
import { readPreviousMetadata } from '../../lib/package/inspect.js';
import { checkRelease } from '../../lib/package/metadata.js';
import { packPackage } from '../../lib/package/pack.js';
import { type PackReport, packReport } from '../../lib/package/pack-report.js';
import { packWarnings, requireSuccessor } from '../../lib/package/pack-warnings.js';
import { createdAt, expiresAt, releaseDraft } from '../../lib/package/release-fields.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { byteSizeFlag, dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { packText } from '../../lib/ui/package-text.js';

const image = { helpValue: '[COMPONENT=]IMAGE', multiple: true, multipleNonGreedy: true, helpGroup: 'IMAGES' } as const;
const deltaHint = { multiple: true, multipleNonGreedy: true, helpGroup: 'DELTAS' } as const;
const repeatable = { multiple: true, multipleNonGreedy: true } as const;

export default class Pack extends BaseCommand {
  static override summary = 'Build a signed update package from firmware images.';

  static override description =
    'Makes a delta from every --from to the --to of its component (and the full image with --full, or where there ' +
    'is no --from), signs the metadata that holds all hashes, and writes one package. The same inputs give the ' +
    'same bytes. What is missing is asked for on a terminal, never in a pipeline.\n\n' +
    'A delta has the format that makes it smallest, of those in --device-formats; where the full image is no larger, ' +
    'that is packed instead. Making one needs memory of several times the old image, and says before how much: ' +
    '--max-memory bounds what the whole process takes, chooses cheaper ways where needed, and refuses before anything ' +
    'is made what does not fit all the same.\n\n' +
    'Images are paths, - for stdin, or http(s) addresses; name the component where a release has several ' +
    '(--to modem=modem.bin), the default is "app".\n\n' +
    'Exits 2 for wrong, missing or contradicting options, 3 when signing fails, 4 when a field of the metadata file is wrong, 5 when the image ' +
    'does not fit the slot or the previous package forbids the release, 6 when the output cannot be written, 8 when ' +
    'it exists, 9 when a size budget is exceeded or memory does not suffice.';

  static override examples = [
    {
      description: 'A delta from two versions in the field, and the full image for all others:',
      command:
        '<%= config.bin %> <%= command.id %> --from v1.bin --from v2.bin --to v3.bin --full --product meter --model M100 ' +
        '--version 3.0.0 --sequence 3 --sign release.key --out meter-3.0.0.ota',
    },
    {
      description: 'In a pipeline, with fields from a file and a size budget:',
      command:
        '<%= config.bin %> <%= command.id %> --metadata release.json --from v2.bin --to v3.bin --max-size 300KB ' +
        '--previous meter-2.0.0.ota --check-reproducible --out meter-3.0.0.ota --json',
    },
    {
      description: 'For devices whose updater applies full images and deltas of Android only:',
      command:
        '<%= config.bin %> <%= command.id %> --metadata release.json --from v2.bin --to v3.bin ' +
        '--device-formats full,bsdf2 --out meter-3.0.0.ota',
    },
  ];

  static override flags = {
    from: Flags.string({ ...image, char: 'f', summary: 'Image that devices run now. Repeatable, one delta each.' }),
    to: Flags.string({ ...image, char: 't', summary: 'New image. Repeatable, one for each component.' }),
    full: Flags.boolean({ summary: 'Carry the full images too.', default: false, helpGroup: 'IMAGES' }),
    format: Flags.option({
      options: ['auto', ...DELTA_FORMATS] as const,
      default: 'auto' as const,
      summary: 'Format of the deltas; auto takes the smallest that the devices apply.',
      helpGroup: 'DELTAS',
    })(),
    ...deltaFlags,
    machine: Flags.string({ ...deltaHint, summary: MACHINE_SUMMARY, helpValue: '[COMPONENT=]NAME' }),
    'base-address': Flags.string({ ...deltaHint, summary: BASE_ADDRESS_SUMMARY, helpValue: '[COMPONENT=]ADDRESS' }),
    'from-version': Flags.string({
      ...repeatable,
      summary: 'Version of each --from, in the same order.',
      helpValue: 'SEMVER',
      helpGroup: 'IMAGES',
    }),
    'to-version': Flags.string({
      ...repeatable,
      summary: 'Version of a component, where it is not that of the release.',
      helpValue: '[COMPONENT=]SEMVER',
      helpGroup: 'IMAGES',
    }),
    'slot-size': Flags.string({
      ...repeatable,
      summary: 'Refuse an image larger than its slot.',
      helpValue: '[COMPONENT=]SIZE',
      helpGroup: 'IMAGES',
    }),

    product: Flags.string({ summary: 'Product the release is for.', helpValue: 'NAME', helpGroup: 'RELEASE' }),
    version: Flags.string({ summary: 'Version of the release.', helpValue: 'SEMVER', helpGroup: 'RELEASE' }),
    sequence: Flags.integer({
      summary: 'Number that rises with every release of the product.',
      helpValue: 'N',
      min: 0,
      helpGroup: 'RELEASE',
    }),
    model: Flags.string({
      ...repeatable,
      summary: 'Device model that may install it. Repeatable.',
      helpValue: 'NAME',
      helpGroup: 'RELEASE',
    }),
    'hardware-revision': Flags.string({
      ...repeatable,
      summary: 'Hardware revision that may install it. Repeatable; any if left out.',
      helpValue: 'NAME',
      helpGroup: 'RELEASE',
    }),
    'security-counter': Flags.integer({
      summary: 'Anti-rollback counter. Once confirmed, a device never takes a lower one.',
      helpValue: 'N',
      min: 0,
      helpGroup: 'RELEASE',
    }),
    expires: Flags.string({
      summary: 'When devices begin to refuse it: a date (midnight UTC), or a time in RFC 3339.',
      helpValue: 'WHEN',
      helpGroup: 'RELEASE',
    }),
    'created-at': Flags.string({
      summary: 'Time of the build; SOURCE_DATE_EPOCH if that is set, else left out.',
      helpValue: 'RFC3339',
      helpGroup: 'RELEASE',
    }),
    'build-id': Flags.string({ summary: 'Name of the build.', helpValue: 'TEXT', helpGroup: 'RELEASE' }),
    ...trialFlags,
    metadata: Flags.file({
      char: 'm',
      summary: 'JSON file with fields of metadata.json (dependsOn, releaseNotes, vendor, …); options win over it.',
      helpValue: 'FILE',
      helpGroup: 'RELEASE',
    }),
    previous: Flags.file({
      summary: 'Package released before: refuse what its devices would refuse.',
      helpValue: 'FILE',
      helpGroup: 'RELEASE',
    }),

    sign: Flags.file({
      ...repeatable,
      char: 's',
      summary: 'Private key to sign with. Repeatable. Without one, sign later with `ota sign`.',
      helpValue: 'FILE',
      helpGroup: 'SIGNING',
    }),
    ...signerFlags,
    root: Flags.file({
      ...repeatable,
      summary: 'Trust root (root.N.json) to carry, for devices with an older one. Repeatable.',
      helpValue: 'FILE',
      helpGroup: 'SIGNING',
    }),

    out: Flags.file({ char: 'o', summary: 'Where the package goes.', helpValue: 'FILE' }),
    split: Flags.boolean({ summary: 'Also write a thin package for each base, beside the output.', default: false }),
    'max-size': byteSizeFlag({ summary: 'Refuse a package above this size.' }),
    'warn-size': byteSizeFlag({ summary: 'Warn of a package above this size.' }),
    'check-reproducible': Flags.boolean({ summary: 'Make everything twice and compare.', default: false }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<PackReport> {
    const { flags } = await this.parse(Pack);
    const { signal, onArrival } = this;
    const dryRun = flags['dry-run'];
    const deltas = deltaSettings(flags, (flag) => this.isTyped(flag, flags[flag as keyof typeof flags]));
    requireFullAccepted(flags, deltas);
    const draft = await releaseDraft(flags.metadata, {
      product: flags.product,
      version: flags.version,
      sequence: flags.sequence,
      securityCounter: flags['security-counter'],
      compatible: compatible(flags),
      expiresAt: expiresAt(flags.expires),
      createdAt: createdAt(flags['created-at'], process.env.SOURCE_DATE_EPOCH),
      buildId: flags['build-id'],
      ...trialFields(flags),
    });
    const { to, out } = await askForMissing(draft, { to: flags.to, out: flags.out }, signal);
    const release = checkRelease(draft, flags.metadata ?? 'metadata');
    const previous = flags.previous === undefined ? undefined : await readPreviousMetadata(flags.previous);
    requireSuccessor(release, previous);

    const signers = await openSigners(flags.sign ?? [], flags, { signal, warn: (text) => this.warnUser(text) });
    const http = httpPolicyFromEnvironment(process.env);
    await using inputs = await openComponents(
      {
        from: flags.from ?? [],
        'from-version': flags['from-version'] ?? [],
        to,
        'to-version': flags['to-version'] ?? [],
        'slot-size': flags['slot-size'] ?? [],
        machine: flags.machine ?? [],
        'base-address': flags['base-address'] ?? [],
        full: flags.full,
        version: release.version,
      },
      { http, stdin: process.stdin, onArrival, signal },
    );
    const count = inputs.components.reduce((sum, { bases }) => sum + bases.length, 0);
    const making = this.progressOnceBegun(count === 1 ? 'Making a delta' : `Making ${count} deltas`);
    const result = await packPackage({
      release,
      components: inputs.components,
      deltas,
      signers,
      roots: await readContainerRoots(flags.root ?? []),
      outPath: out,
      split: flags.split,
      checkReproducible: flags['check-reproducible'],
      maxBytes: flags['max-size'],
      force: flags.force,
      dryRun,
      signal,
      onPlan: planNotes((sentence) => this.note(sentence)),
      onProgress: making.update,
    });
    making.done();
    const signed = signers.length > 0;
    const warnings = packWarnings(result.metadata, {
      files: result.files,
      previous,
      warnBytes: flags['warn-size'],
      signed,
      choices: result.choices,
    });
    for (const warning of warnings) this.warnUser(warning);
    const report = packReport(result, dryRun, warnings);
    this.print(await packText(report));
    return report;
  }
}

function compatible(flags: { model?: string[]; 'hardware-revision'?: string[] }): object | undefined {
  const { model: models, 'hardware-revision': hardwareRevisions } = flags;
  if (models === undefined && hardwareRevisions === undefined) return undefined;
  return { ...(models && { models }), ...(hardwareRevisions && { hardwareRevisions }) };
}

import { Args, Flags } from '@oclif/core';
import { baseFlag } from '../../cli/package-flags.js';
import { OtaError } from '../../lib/core/errors.js';
import type { RandomAccess } from '../../lib/core/random-access.js';
import { explainPatch } from '../../lib/delta/explain-patch.js';
import type { DeltaFormat } from '../../lib/delta/formats.js';
import { patchFormat } from '../../lib/delta/patch-format.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { openContainer } from '../../lib/package/container.js';
import { explainDeltas } from '../../lib/package/explain-deltas.js';
import { extractParts } from '../../lib/package/extract.js';
import {
  type InspectPatchReport,
  type InspectReport,
  inspectContainer,
  inspectReport,
} from '../../lib/package/inspect.js';
import { openImages } from '../../lib/package/open-images.js';
import { openPackageFile } from '../../lib/package/open-package.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { deltaText } from '../../lib/ui/delta-text.js';
import { dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { inspectText } from '../../lib/ui/inspect-text.js';

export default class Inspect extends BaseCommand {
  static override summary = 'Show what a package or a patch says, without trusting it.';

  static override description =
    'Reads framing and metadata; nothing it prints is verified, which is why everything is marked UNVERIFIED. ' +
    'With --extract the parts are also written as files.\n\n' +
    'With --deltas, and for a bare patch, it also tells what each delta is made of: how much of the new image is equal ' +
    'to the old one, predicted, corrected or added, and what each stream takes. That decodes what nobody vouches for, in ' +
    'the memory that applying it would take. otad needs --base for it: the old image.\n\n' +
    'Exits 4 when the package or a patch is malformed, or --base is not what the patch applies to, 6 when a part cannot be written, 8 when a part exists already, ' +
    '9 when it exceeds a limit.';

  static override examples = [
    { description: 'Show versions, bases and sizes:', command: '<%= config.bin %> <%= command.id %> app-2.1.ota' },
    {
      description: 'Why is this delta so large?',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --base app-2.0.bin',
    },
    {
      description: 'Take a package apart:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --extract parts/',
    },
  ];

  static override args = {
    package: Args.string({
      description: 'Package or patch: a path, - for stdin, or an http(s) address.',
      required: true,
    }),
  };

  static override flags = {
    deltas: Flags.boolean({ summary: 'Explain what the deltas are made of.', default: false }),
    base: baseFlag({ summary: 'Old image to explain deltas with; implies --deltas. Repeatable.' }),
    extract: Flags.directory({ summary: 'Write every part of the package into this folder.', helpValue: 'DIR' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<InspectReport | InspectPatchReport> {
    const { args, flags } = await this.parse(Inspect);
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    await using file = await openPackageFile(args.package, input);
    const format = await patchFormat(file.data);
    if (format !== undefined) return await this.#inspectPatch(format, file.data, flags);

    const container = await openContainer(file.data);
    const inspection = inspectContainer(container);
    const report = inspectReport({ container, size: file.size }, inspection);
    if (flags.deltas || flags.base !== undefined) {
      await using bases = await openImages(flags.base ?? [], inspection.metadata, input);
      report.deltas = await explainDeltas(inspection.payloads, bases.images, {
        signal,
        onUnused: (name) => this.warnUser(`${name}: no delta in the package applies to it`),
      });
    }
    if (flags.extract !== undefined) {
      const options = { force: flags.force, dryRun: flags['dry-run'], signal };
      report.extracted = await extractParts(container, flags.extract, options);
    }
    this.print(await inspectText(report));
    return report;
  }

  async #inspectPatch(
    format: DeltaFormat,
    patch: RandomAccess,
    { base, extract }: { base?: readonly string[]; extract?: string },
  ): Promise<InspectPatchReport> {
    if (extract !== undefined) {
      throw new OtaError('USAGE', `--extract: ${patch.name} is a patch, which has no parts`, ['Leave out --extract.']);
    }
    if (base !== undefined && base.length > 1) throw new OtaError('USAGE', '--base: a patch applies to one image');
    const { signal, onArrival } = this;
    await using image = base?.[0] === undefined ? undefined : await openPackageFile(base[0], { onArrival, signal });
    const explanation = await explainPatch(format, patch, { ...(image && { base: image.data }), signal }).catch(
      (error: unknown) => {
        throw image === undefined ? error : doubtingBase(error, image.data.name);
      },
    );
    this.print(await deltaText(patch.name, explanation));
    return { verified: false, patch: patch.name, ...explanation };
  }
}

/** Nothing tells which image a bare patch was made for: what looks like a damaged patch may be another base. */
function doubtingBase(error: unknown, baseName: string): unknown {
  if (!(error instanceof OtaError) || error.code !== 'PATCH_INVALID') return error;
  const suggestion = `Make sure that ${baseName} is the image it was made for: another one looks like a damaged patch.`;
  return new OtaError(error.code, error.message, [suggestion, ...error.suggestions], { cause: error });
}

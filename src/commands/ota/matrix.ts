import { availableParallelism, totalmem } from 'node:os';
import { Flags } from '@oclif/core';
import { chartKind } from '../../cli/chart-kind.js';
import { deltaSettings } from '../../cli/delta-choices.js';
import { BASE_ADDRESS_SUMMARY, deltaFlags, MACHINE_SUMMARY } from '../../cli/delta-flags.js';
import { openMatrixImages } from '../../cli/matrix-input.js';
import { imageHints } from '../../cli/pack-input.js';
import { requireFreeTarget, writeFileAtomically } from '../../lib/core/atomic-file.js';
import { formatByteLimit } from '../../lib/core/byte-size.js';
import { EXIT_STATUS } from '../../lib/core/errors.js';
import { DELTA_FORMATS } from '../../lib/delta/formats.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { comparedFormats } from '../../lib/package/delta-settings.js';
import { measureMatrix } from '../../lib/package/matrix.js';
import type { MatrixReport } from '../../lib/package/matrix-report.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { byteSizeFlag, dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { matrixText } from '../../lib/ui/matrix-text.js';

/** Share of the machine's memory that deltas made at the same time may take. */
const MEMORY_SHARE = 0.5;
/** Of the bases over budget, a warning names at most so many. */
const NAMES_TOLD = 5;

export default class Matrix extends BaseCommand {
  static override summary = 'Compare what deltas from many versions to a new image would cost.';

  static override description =
    'Makes a delta of every format from every --from to --to, proves each by applying it, and shows size, time, memory ' +
    'and storage side by side, with the smallest that the devices apply. The deltas themselves are thrown away; ' +
    '`ota pack` makes the same ones.\n\n' +
    'A folder stands for every file in it. Several deltas are made at the same time, as many as there are processors ' +
    'and as --max-memory, or else half of the memory of this machine, allows.\n\n' +
    'Exits 2 for wrong or missing options, 6 when the chart cannot be written, 8 when it exists, 9 when the choice ' +
    'for a base is above --budget (all is measured and shown nevertheless), 16 when an image does not exist.';

  static override examples = [
    {
      description: 'What will the fleet download?',
      command: '<%= config.bin %> <%= command.id %> --from v1.bin v2.bin v3.bin --to v4.bin',
    },
    {
      description: 'Fail a pipeline when a release in the field would need more than 300 kB, and keep a picture of it:',
      command:
        '<%= config.bin %> <%= command.id %> --from released/ --to build/app.bin --budget 300KB ' +
        '--device-formats full,bsdf2,otad --chart deltas.html --json',
    },
  ];

  static override flags = {
    from: Flags.string({
      char: 'f',
      summary: 'Images that devices run now: paths, folders, or http(s) addresses.',
      helpValue: 'IMAGE',
      multiple: true,
      required: true,
    }),
    to: Flags.string({ char: 't', summary: 'New image.', helpValue: 'IMAGE', required: true }),
    budget: byteSizeFlag({ char: 'b', summary: 'What a device may have to download at most.' }),
    chart: Flags.file({
      summary: 'Draw the sizes into this file, a picture or a page.',
      helpValue: 'FILE.svg|FILE.html',
    }),
    formats: Flags.option({
      options: DELTA_FORMATS,
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      summary: 'Formats of deltas to make; all that two slots need if left out.',
      helpValue: 'FORMAT',
      helpGroup: 'DELTAS',
    })(),
    ...deltaFlags,
    machine: Flags.string({ summary: MACHINE_SUMMARY, helpValue: 'NAME', helpGroup: 'DELTAS' }),
    'base-address': Flags.string({ summary: BASE_ADDRESS_SUMMARY, helpValue: 'ADDRESS', helpGroup: 'DELTAS' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<MatrixReport> {
    const { flags } = await this.parse(Matrix);
    const { signal, onArrival } = this;
    const { chart, 'dry-run': dryRun, force } = flags;
    const settings = deltaSettings({ ...flags, format: 'auto' }, (flag) =>
      this.isTyped(flag, flags[flag as keyof typeof flags]),
    );
    const hints = imageHints(flags.machine, flags['base-address']);
    const kind = chart === undefined ? undefined : chartKind(chart);
    if (chart !== undefined) await requireFreeTarget(chart, force);

    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    await using images = await openMatrixImages(flags.from, flags.to, input);
    const measuring = this.progressOnceBegun(`Making deltas to ${flags.to}`);
    const report = await measureMatrix({
      ...images,
      formats: flags.formats ?? comparedFormats(settings),
      settings,
      hints,
      budgetBytes: flags.budget,
      atOnce: availableParallelism(),
      memoryBytes: flags['max-memory'] ?? totalmem() * MEMORY_SHARE,
      now: () => performance.now(),
      signal,
      onProgress: measuring.update,
    });
    measuring.done();
    if (chart !== undefined && kind !== undefined) {
      const { drawMatrix } = await import('../../lib/ui/draw-matrix.js');
      if (!dryRun) await writeFileAtomically(chart, Buffer.from(drawMatrix(report, kind)), { force, signal });
      report.chart = chart;
    }
    this.print(await matrixText(report));
    this.#judge(report);
    return report;
  }

  #judge({ rows, budgetBytes }: MatrixReport): void {
    const over = rows.filter(({ isOverBudget }) => isOverBudget);
    if (over.length === 0 || budgetBytes === undefined) return;
    process.exitCode = EXIT_STATUS.SIZE_BUDGET;
    const names = over
      .slice(0, NAMES_TOLD)
      .map(({ base }) => base.name)
      .join(', ');
    const more = over.length > NAMES_TOLD ? ` and ${over.length - NAMES_TOLD} more` : '';
    this.warnUser(
      `${over.length} of ${rows.length} bases are over the budget of ${formatByteLimit(budgetBytes)}: ${names}${more}`,
    );
  }
}

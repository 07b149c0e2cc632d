import { Args, Flags } from '@oclif/core';
import { CATALOGUE, type CatalogueRow } from '../../lib/attack/catalogue.js';
import { MAX_BASE_BYTES } from '../../lib/attack/specimen.js';
import { writeAttack } from '../../lib/attack/write-attack.js';
import { OtaError } from '../../lib/core/errors.js';
import { openFile } from '../../lib/core/file-access.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { openLocalInput } from '../../lib/net/local-input.js';
import { openPackage } from '../../lib/package/open-package.js';
import { attackText, catalogueText } from '../../lib/ui/attack-text.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { dryRunFlag, inputFlag } from '../../lib/ui/flags.js';

/** What `ota attack --json` prints. */
interface AttackReport {
  out: string;
  dryRun: boolean;
  package: { digest: string; product: string; version: string };
  cases: number;
  /** Cases that also say what `apply` must answer. */
  applicable: number;
}

export default class Attack extends BaseCommand {
  static override summary = 'Write hostile packages that every verifier must refuse.';

  static override description =
    'Makes the refusal catalogue from a valid package: truncated, altered, wrongly signed and malformed copies, ' +
    'hostile keys, trust roots and patches. index.json says of each file what was changed, how to run ' +
    '`ota verify` and `ota apply` on it, and which exit status and code they must answer. Everything is signed ' +
    'by throw-away keys made from the seed; your own keys are not needed.\n\n' +
    'Exits 4 when the package is malformed, 5 when no delta of it fits the base, 8 when the output exists, ' +
    '9 when its payload is too large to be copied.';

  static override examples = [
    {
      description: 'Attack a delta, so that `ota apply` can be run on the files too:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --base app-2.0.bin --out attack/',
    },
    { description: 'See what is written:', command: '<%= config.bin %> <%= command.id %> --list' },
  ];

  static override args = {
    package: Args.string({ description: 'Valid package: a path, - for stdin, or an http(s) address.' }),
  };

  static override flags = {
    out: Flags.string({ char: 'o', summary: 'Folder to make; it must not exist, or be empty.', helpValue: 'DIR' }),
    base: inputFlag({ char: 'b', summary: 'Image that a delta of the package applies to.' }),
    seed: Flags.string({
      summary: 'The throw-away keys are made from it; the same seed gives the same files.',
      helpValue: 'TEXT',
      default: 'ota-fleet',
    }),
    list: Flags.boolean({ summary: 'Show the rows of the catalogue and write nothing.', exclusive: ['out', 'base'] }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<AttackReport | { rows: readonly CatalogueRow[] }> {
    const { args, flags } = await this.parse(Attack);
    if (flags.list) {
      this.print(await catalogueText(CATALOGUE));
      return { rows: CATALOGUE };
    }
    if (args.package === undefined || flags.out === undefined) {
      throw new OtaError('USAGE', 'attack needs a package and --out', [
        'Write `ota attack PACKAGE --out DIR`, or `ota attack --list`.',
      ]);
    }
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    await using file = await openPackage(args.package, input);
    await using base =
      flags.base === undefined ? undefined : await openLocalInput(flags.base, { ...input, maxBytes: MAX_BASE_BYTES });
    await using baseFile = base && (await openFile(base.path));

    const writing = this.progress('Writing cases');
    const index = await writeAttack({
      container: file.container,
      base: baseFile,
      seed: flags.seed,
      outDirectory: flags.out,
      dryRun: flags['dry-run'],
      signal,
      onCase: writing.update,
    });
    writing.done();
    const report: AttackReport = {
      out: flags.out,
      dryRun: flags['dry-run'],
      package: index.package,
      cases: index.cases.length,
      applicable: index.cases.filter(({ apply }) => apply !== undefined).length,
    };
    this.print(attackText(report));
    return report;
  }
}

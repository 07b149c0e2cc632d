import { storeArg, tenantFlag } from '../../../cli/store-flags.js';
import { EXIT_STATUS } from '../../../lib/core/errors.js';
import { openDurableFs } from '../../../lib/core/node-durable-fs.js';
import { type StoreVerification, verifyStore } from '../../../lib/dedupe/verify-store.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { type StoreName, storeVerifyText, type VerifyFigures } from '../../../lib/ui/store-text.js';

/** What `fleet dedupe verify --json` prints. */
interface DedupeVerifyReport extends VerifyFigures {
  partitions: StoreVerification['partitions'];
}

export default class DedupeVerify extends BaseCommand {
  static override summary = 'Read all of a store and check every block of it.';

  static override description =
    'Says which file is damaged, where, and how many ids that costs. Writes nothing and needs no lock: also while a ' +
    'replay runs, and on snapshots.\n\n' +
    'Exits 4 when something cannot be read (the report is still printed), 16 when there is no store.';

  static override examples = [
    { description: 'A store:', command: '<%= config.bin %> <%= command.id %> seen' },
    {
      description: 'What is damaged, for a script:',
      command: "<%= config.bin %> <%= command.id %> seen --json | jq -c '.damage[]'",
    },
  ];

  static override args = { store: storeArg };
  static override flags = { tenant: tenantFlag };

  async run(): Promise<DedupeVerifyReport> {
    const { args, flags } = await this.parse(DedupeVerify);
    const name = { store: args.store, tenant: flags.tenant };
    const reading = this.progress('Reading', { totalBytes: 0 });
    let bytes = 0;
    const verification = await verifyStore(args.store, {
      tenant: flags.tenant,
      fs: openDurableFs(),
      signal: this.signal,
      onFile: (file) => {
        bytes += file.bytes;
        reading.update(bytes);
      },
    });
    reading.done();
    const report = reportOf(name, verification);
    this.print(storeVerifyText(report));
    if (report.damage.length > 0) process.exitCode = EXIT_STATUS.STORE_DAMAGED;
    return report;
  }
}

function reportOf(name: StoreName, { partitions }: StoreVerification): DedupeVerifyReport {
  const sum = (value: (partition: StoreVerification['partitions'][number]) => number) =>
    partitions.reduce((total, partition) => total + value(partition), 0);
  return {
    ...name,
    keys: sum(({ keys }) => keys),
    generations: sum(({ generations }) => generations),
    blocks: sum(({ blocks }) => blocks),
    bytes: sum((partition) => partition.bytes),
    unfinishedBytes: sum(({ unfinishedBytes }) => unfinishedBytes),
    damage: partitions.flatMap(({ partition, damage }) => damage.map((block) => ({ partition, ...block }))),
    partitions,
  };
}

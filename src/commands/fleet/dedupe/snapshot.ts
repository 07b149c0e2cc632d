import { Flags } from '@oclif/core';
import { storeArg, tenantFlag } from '../../../cli/store-flags.js';
import { takeNoLock } from '../../../cli/store-settings.js';
import { dryRunFs } from '../../../lib/core/dry-run-fs.js';
import { openDurableFs } from '../../../lib/core/node-durable-fs.js';
import { snapshotStore } from '../../../lib/dedupe/snapshot-store.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { type CopyFigures, storeSnapshotText } from '../../../lib/ui/store-text.js';

export default class DedupeSnapshot extends BaseCommand {
  static override summary = 'Keep what a store remembers in another folder, also while a replay runs.';

  static override description =
    'The snapshot is a store as well: `stats`, `verify` and `inspect` look into it. On the same file system it shares ' +
    'the files that never change, so it takes little time and room; for a backup copy it to another disk afterwards.\n\n' +
    'Exits 4 when the store is damaged, 6 when the snapshot cannot be written, 8 when its folder is not empty, 16 when ' +
    'there is no store.';

  static override examples = [
    {
      description: 'Before something daring:',
      command: '<%= config.bin %> <%= command.id %> seen --out seen-monday',
    },
    {
      description: 'A backup, each night:',
      command: '<%= config.bin %> <%= command.id %> seen --out /backup/seen-$(date +%F) --quiet',
    },
  ];

  static override args = { store: storeArg };

  static override flags = {
    tenant: tenantFlag,
    out: Flags.directory({ char: 'o', summary: 'Folder of the snapshot.', helpValue: 'DIR', required: true }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<CopyFigures> {
    const { args, flags } = await this.parse(DedupeSnapshot);
    const { tenant, out, 'dry-run': dryRun } = flags;
    const disk = openDurableFs();
    const summary = await snapshotStore(args.store, out, {
      tenant,
      ...(dryRun ? { fs: dryRunFs(disk), takeLock: takeNoLock } : { fs: disk }),
      signal: this.signal,
    });
    const report = { store: args.store, tenant, copy: out, dryRun, ...summary };
    this.print(storeSnapshotText(report));
    return report;
  }
}

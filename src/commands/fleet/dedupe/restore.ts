import { Flags } from '@oclif/core';
import { acceptDamageFlag, storeArg, tenantFlag } from '../../../cli/store-flags.js';
import { takeNoLock } from '../../../cli/store-settings.js';
import { dryRunFs } from '../../../lib/core/dry-run-fs.js';
import { openDurableFs } from '../../../lib/core/node-durable-fs.js';
import { restoreStore } from '../../../lib/dedupe/restore-store.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { type CopyFigures, storeRestoreText } from '../../../lib/ui/store-text.js';

export default class DedupeRestore extends BaseCommand {
  static override summary = 'Make a store of a snapshot.';

  static override description =
    'The snapshot is checked first, and stays as it is. What came out after it was taken, the next replay reads from ' +
    'the output before anything else, if that is a file or a Kafka topic.\n\n' +
    'Exits 4 when the snapshot is damaged, 6 when the store cannot be written, 8 when its folder is not empty, 16 when ' +
    'there is no snapshot.';

  static override examples = [
    { description: 'A lost store:', command: '<%= config.bin %> <%= command.id %> seen --from seen-monday' },
    {
      description: 'Would it work?',
      command: '<%= config.bin %> <%= command.id %> seen --from /backup/seen-2026-11-22 --dry-run',
    },
  ];

  static override args = { store: storeArg };

  static override flags = {
    tenant: tenantFlag,
    from: Flags.directory({ summary: 'Folder of the snapshot.', helpValue: 'DIR', required: true }),
    'accept-damage': acceptDamageFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<CopyFigures> {
    const { args, flags } = await this.parse(DedupeRestore);
    const { tenant, from, 'dry-run': dryRun } = flags;
    const disk = openDurableFs();
    const summary = await restoreStore(from, args.store, {
      tenant,
      ...(dryRun ? { fs: dryRunFs(disk), takeLock: takeNoLock } : { fs: disk }),
      acceptDamage: flags['accept-damage'],
      signal: this.signal,
    });
    const report = { store: args.store, tenant, copy: from, dryRun, ...summary };
    this.print(storeRestoreText(report));
    return report;
  }
}

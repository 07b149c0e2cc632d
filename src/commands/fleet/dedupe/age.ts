import { Flags } from '@oclif/core';
import { openWholeStore } from '../../../cli/open-store.js';
import { acceptDamageFlag, storeArg, tenantFlag } from '../../../cli/store-flags.js';
import { throwIfAborted } from '../../../lib/core/abort.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { type AgeFigures, storeAgeText } from '../../../lib/ui/store-text.js';

export default class DedupeAge extends BaseCommand {
  static override summary = 'Forget the oldest ids of a store now.';

  static override description =
    'A replay does this by itself when the window is full. The oldest generation goes as a whole, as long as at least ' +
    'so many ids are left. Messages whose ids are forgotten come out again if they are sent again.\n\n' +
    'Exits 4 when the store is damaged, 6 when it cannot be written, 8 while a replay has it, 16 when there is none.';

  static override examples = [
    { description: 'What would go?', command: '<%= config.bin %> <%= command.id %> seen --keys 1000000 --dry-run' },
    { description: 'Make room on a full disk:', command: '<%= config.bin %> <%= command.id %> seen --keys 1000000' },
  ];

  static override args = { store: storeArg };

  static override flags = {
    tenant: tenantFlag,
    keys: Flags.integer({
      char: 'k',
      summary: 'Ids to keep at least, the newest.',
      helpValue: 'N',
      min: 0,
      required: true,
    }),
    'accept-damage': acceptDamageFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<AgeFigures> {
    const { args, flags } = await this.parse(DedupeAge);
    const { tenant, keys, 'dry-run': dryRun } = flags;
    const name = { store: args.store, tenant };
    await using whole = await openWholeStore(name, { dryRun, acceptDamage: flags['accept-damage'] });
    const stores = [...whole.stores.values()];
    let droppedKeys = 0;
    for (const store of stores) {
      throwIfAborted(this.signal);
      droppedKeys += await store.age(Math.ceil(keys / stores.length));
    }
    const left = stores.reduce((sum, store) => sum + store.stats().keys, 0);
    const report = { ...name, droppedKeys, keys: left, dryRun };
    this.print(storeAgeText(report));
    return report;
  }
}

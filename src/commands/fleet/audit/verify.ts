import { Flags } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { OtaError } from '../../../lib/core/errors.js';
import { verifyAuditLog } from '../../../lib/fleet-api/audit.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { factsText } from '../../../lib/ui/table.js';

export default class AuditVerify extends BaseCommand {
  static override summary = 'Check that nobody has rewritten the audit log of a fleet.';

  static override description =
    'Downloads every entry and follows the chain of their hashes here, so the server need not be believed. A server that ' +
    'rewrites its whole log is noticed by whoever remembers one hash: keep the one that is printed, outside of the server, ' +
    'and give it with --head the next time.\n\n' +
    'Exits 2 for wrong usage, 4 when the log was changed or the remembered entry is gone, 7 when the server does not ' +
    'answer, 15 when you are not logged in or may not read it.';

  static override examples = [
    { description: 'Follow the chain, and print its end:', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'Check that what was there the last time is there still:',
      command:
        '<%= config.bin %> <%= command.id %> --head 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9',
    },
  ];

  static override flags = {
    head: Flags.string({ summary: 'Hash that an earlier verification printed.', helpValue: 'HASH' }),
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(AuditVerify);
    if (flags.head !== undefined && !/^[0-9a-f]{64}$/.test(flags.head)) {
      throw new OtaError('USAGE', '--head is no hash of an entry: expected 64 hex digits', [
        'Give the hash that `fleet audit verify` printed.',
      ]);
    }
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const verified = await verifyAuditLog(client, { remembered: flags.head, signal: this.signal });
    this.print(
      factsText([
        ['tenant', verified.tenant],
        ['entries', verified.entries],
        ['head', verified.head ?? undefined],
        ['remembered', verified.rememberedSeq === undefined ? undefined : `entry ${verified.rememberedSeq}`],
      ]),
    );
    return verified;
  }
}

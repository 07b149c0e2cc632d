import { Flags } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { parseDuration } from '../../../lib/core/duration.js';
import { listAudit } from '../../../lib/fleet-api/audit.js';
import { auditText } from '../../../lib/ui/audit-text.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';

export default class AuditList extends BaseCommand {
  static override summary = 'List who changed what in a fleet, the newest last.';

  static override description =
    'Every change that an operator or a token makes is written to the audit log of its tenant, and so is every device that ' +
    'poses as another. Reading it needs the role auditor or admin.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not read it.';

  static override examples = [
    { description: 'The last hundred entries:', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'What one person did today, for a script:',
      command: '<%= config.bin %> <%= command.id %> --actor ann --since 24h --max 10000 --json',
    },
  ];

  static override flags = {
    actor: Flags.string({ summary: 'Only what this operator, token:NAME or device:NAME did.', helpValue: 'NAME' }),
    action: Flags.string({ summary: 'Only this kind of change, such as operator.created.', helpValue: 'ACTION' }),
    object: Flags.string({ summary: 'Only what was done to this, such as device:NAME.', helpValue: 'OBJECT' }),
    since: Flags.string({ summary: 'Only what happened within this time.', helpValue: 'DURATION' }),
    max: Flags.integer({
      summary: 'Most entries to list, the newest.',
      helpValue: 'N',
      default: 100,
      min: 1,
      max: 1_000_000,
    }),
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(AuditList);
    const { actor, action, object, max: most } = flags;
    const since = flags.since === undefined ? undefined : Date.now() - parseDuration(flags.since);
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const list = await listAudit(client, { actor, action, object, since }, { most, signal: this.signal });
    if (list.entries.length > 0) this.print(await auditText(list.entries));
    const { length } = list.entries;
    if (length < list.total) this.note(`${length} of ${list.total} entries; for all of them: --max ${list.total}`);
    else if (length === 0) this.note('no entries');
    return { entries: list.entries, total: list.total };
  }
}

import { Args, Flags } from '@oclif/core';
import { backupText } from '../../../lib/ui/backup-text.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';

export default class ServeRestore extends BaseCommand {
  static override summary = 'Make the folder of a fleet server from a backup.';

  static override description =
    'Checks every byte of the backup first. The folder must not exist or be empty: what a server has is never replaced. ' +
    'Devices, operators and tokens are those of the backup; telemetry that came later can be sent again, each message ' +
    'is taken once.\n\n' +
    'Exits 2 for wrong usage, 4 when the backup is not whole, 6 when the folder cannot be written, 8 when it is not ' +
    'empty, 16 when there is no backup.';

  static override examples = [
    {
      description: 'Go on after a lost disk:',
      command: '<%= config.bin %> <%= command.id %> backups/2027-01-31 --data /var/lib/fleet',
    },
    {
      description: 'Is this backup whole?',
      command: '<%= config.bin %> <%= command.id %> backups/2027-01-31 --data /tmp/none --dry-run',
    },
  ];

  static override args = {
    backup: Args.directory({ description: 'Folder that `fleet serve backup` made.', required: true }),
  };

  static override flags = {
    data: Flags.directory({ summary: 'Folder to make for the server.', helpValue: 'DIR', default: 'fleet-data' }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ServeRestore);
    const { restoreServer } = await import('../../../lib/server/backup/restore-server.js');
    const status = this.statusLine();
    const manifest = await restoreServer(args.backup, flags.data, {
      isDryRun: flags['dry-run'],
      signal: this.signal,
      onFile: (done, total) => status.update(`Checked ${done} of ${total} files`),
    });
    status.done();
    const headline = flags['dry-run'] ? `${args.backup} is whole` : `Made ${flags.data} from ${args.backup}`;
    this.print(backupText(headline, manifest));
    if (!flags['dry-run']) this.note(`Next: fleet serve --data ${flags.data}`);
    return { backup: args.backup, data: flags.data, dryRun: flags['dry-run'], ...manifest };
  }
}

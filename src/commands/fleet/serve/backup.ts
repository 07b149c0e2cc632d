import { Args, Flags } from '@oclif/core';
import { systemClock } from '../../../lib/core/clock.js';
import { backupText } from '../../../lib/ui/backup-text.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';

export default class ServeBackup extends BaseCommand {
  static override summary = 'Copy the state of a fleet server, also while it runs.';

  static override description =
    'The copy is a folder with the database, telemetry and artifacts as they were at one moment, and a list of what each ' +
    'file has to be. It holds the keys that sessions are signed with, so keep it as private as the server. A server over ' +
    'PostgreSQL keeps its state there: back it up with pg_dump, and copy the folder DATA/artifacts.\n\n' +
    'Exits 2 for wrong usage, 4 when something in the state is damaged, 6 when the copy cannot be written, 8 when it ' +
    'exists, 16 when there is no state.';

  static override examples = [
    { description: 'Every night:', command: '<%= config.bin %> <%= command.id %> backups/$(date +%F)' },
    {
      description: 'Of a server elsewhere on this machine, for a script:',
      command: '<%= config.bin %> <%= command.id %> /mnt/backup/fleet --data /var/lib/fleet --json',
    },
  ];

  static override args = {
    folder: Args.directory({ description: 'Folder to make.', required: true }),
  };

  static override flags = {
    data: Flags.directory({ summary: 'Folder of the server.', helpValue: 'DIR', default: 'fleet-data' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ServeBackup);
    const { backupServer } = await import('../../../lib/server/backup/backup-server.js');
    const status = this.statusLine();
    const manifest = await backupServer(flags.data, args.folder, {
      createdAt: systemClock.now(),
      version: this.config.version,
      signal: this.signal,
      onFile: (done, total) => status.update(`Copied ${done} of ${total} files`),
    });
    status.done();
    this.print(backupText(`Wrote ${args.folder}: everything that ${flags.data} holds`, manifest));
    return { backup: args.folder, data: flags.data, ...manifest };
  }
}

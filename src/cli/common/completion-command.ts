import { Args } from '@oclif/core';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { COMPLETION_SCRIPTS } from '../completion/scripts.js';

export default class Completion extends BaseCommand {
  static override summary = 'Print a shell script that completes commands and flags.';
  static override description = 'The script asks the installed executable, so it stays right after an update. Exits 0.';
  static override examples = [
    { description: 'For bash, in ~/.bashrc:', command: 'eval "$(<%= config.bin %> <%= command.id %> bash)"' },
    {
      description: 'For fish:',
      command: '<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/<%= config.bin %>.fish',
    },
  ];

  static override args = {
    shell: Args.string({
      description: 'Shell to complete in.',
      options: Object.keys(COMPLETION_SCRIPTS),
      required: true,
    }),
  };

  async run(): Promise<{ script: string }> {
    const { args } = await this.parse(Completion);
    const script = COMPLETION_SCRIPTS[args.shell]!(this.config.bin).trimEnd();
    this.print(script);
    return { script };
  }
}

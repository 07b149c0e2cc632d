import { Args } from '@oclif/core';
import { chosenProfile, profileStore } from '../../../cli/fleet-session.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';

export default class ProfilesUse extends BaseCommand {
  static override summary = 'Make a login the current one.';

  static override description =
    'Commands use it until another is chosen, unless --profile, --server or the configuration says otherwise.\n\n' +
    'Exits 2 when the file of logins cannot be used, 6 when it cannot be written, 16 when there is no such login.';

  static override examples = [
    { description: 'Work at another server:', command: '<%= config.bin %> <%= command.id %> work' },
    { description: 'By its host:', command: '<%= config.bin %> <%= command.id %> fleet.example.com' },
  ];

  static override args = { name: Args.string({ description: 'Name of the login.', required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(ProfilesUse);
    const { profiles } = await profileStore(process.env, this.signal).change(async (kept) => {
      const { name } = chosenProfile(kept, { name: args.name });
      return { ...kept, current: name };
    });
    const { server } = profiles[args.name]!;
    this.print(`Using ${args.name}: ${server}`);
    return { profile: args.name, server };
  }
}

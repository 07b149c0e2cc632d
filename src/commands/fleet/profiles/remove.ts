import { Args } from '@oclif/core';
import { chosenProfile, profileStore } from '../../../cli/fleet-session.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';

export default class ProfilesRemove extends BaseCommand {
  static override summary = 'Forget a login without telling its server.';

  static override description =
    'For a server that is gone. `fleet logout` also ends the session.\n\n' +
    'Exits 2 when the file of logins cannot be used, 6 when it cannot be written, 16 when there is no such login.';

  static override examples = [
    { description: 'A server that no longer exists:', command: '<%= config.bin %> <%= command.id %> 127.0.0.1:8080' },
    { description: 'By the name it was given:', command: '<%= config.bin %> <%= command.id %> work' },
  ];

  static override args = { name: Args.string({ description: 'Name of the login.', required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(ProfilesRemove);
    await profileStore(process.env, this.signal).change(async (kept) => {
      const { name } = chosenProfile(kept, { name: args.name });
      const { [name]: _, ...profiles } = kept.profiles;
      return { current: kept.current === name ? null : kept.current, profiles };
    });
    this.print(`Forgot the login ${args.name}`);
    return { profile: args.name };
  }
}

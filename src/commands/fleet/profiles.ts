import { profileStore } from '../../cli/fleet-session.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { gridText } from '../../lib/ui/table.js';

export default class ProfilesList extends BaseCommand {
  static override summary = 'List your logins at fleet servers; the current one is marked with *.';

  static override description =
    'Asks no server; `fleet whoami` does.\n\n' + 'Exits 2 when the file of logins cannot be used.';

  static override examples = [
    { description: 'All of them:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'Use another one from now on:', command: '<%= config.bin %> <%= command.id %> use work' },
  ];

  async run(): Promise<object> {
    await this.parse(ProfilesList);
    const { current, profiles } = await profileStore(process.env, this.signal).read();
    const logins = Object.entries(profiles).map(
      ([name, { server, driver = 'fleet', tenant, name: who, role, session }]) => ({
        ...{ name, isCurrent: name === current, server, driver, tenant, as: who, role },
        expires: session === undefined ? null : new Date(session.expiresAt).toISOString(),
      }),
    );
    if (logins.length === 0) this.note('You are logged in nowhere; run `fleet login URL`');
    else {
      const rows = logins.map((login) => [
        ...[login.isCurrent ? '*' : '', login.name, login.server, login.driver, login.tenant, login.as, login.role],
        login.expires ?? '',
      ]);
      this.print(await gridText(['', 'LOGIN', 'SERVER', 'KIND', 'TENANT', 'NAME', 'ROLE', 'EXPIRES'], rows));
    }
    return { profiles: logins };
  }
}

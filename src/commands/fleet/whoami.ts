import { type FleetSession, fleetSessionFlags, openFleetSession } from '../../cli/fleet-session.js';
import { userinfoOf } from '../../lib/fleet-api/hawkbit-login.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { factsText } from '../../lib/ui/table.js';
import { whoami } from '../../lib/wire/access.js';

export default class WhoAmI extends BaseCommand {
  static override summary = 'Tell which server you are logged in to, as whom, and what you may do there.';

  static override description =
    'Asks the server, so it also tells whether the login is still good.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or the login has ended, 16 ' +
    'when there is no such login.';

  static override examples = [
    { description: 'With the current login:', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'In a pipeline:',
      command: '<%= config.bin %> <%= command.id %> --server https://fleet.example.com --token-env FLEET_TOKEN --json',
    },
  ];

  static override flags = fleetSessionFlags;

  async run(): Promise<object> {
    const { flags } = await this.parse(WhoAmI);
    const session = await openFleetSession(flags, {
      ...{ environment: process.env, signal: this.signal, drivers: ['fleet', 'hawkbit'] },
    });
    await using client = session.client;
    if (session.driver === 'hawkbit') return await this.#hawkbit(session);
    const who = await client.call('GET', '/api/v1/whoami', { answer: whoami, signal: this.signal });
    const endsAt = session.profile?.value.session?.expiresAt;
    const expires = endsAt === undefined ? undefined : new Date(endsAt).toISOString();
    this.print(
      factsText([
        ['server', client.server],
        ['login', session.profile?.name],
        ['tenant', who.tenant],
        ['name', who.name],
        ['role', who.role],
        ['may', who.permissions.join(' ')],
        ['expires', expires],
      ]),
    );
    return {
      ...{ server: client.server, driver: 'fleet', profile: session.profile?.name ?? null, ...who },
      expires: expires ?? null,
    };
  }

  /** hawkBit does not say what somebody may do. */
  async #hawkbit({ client, profile }: FleetSession): Promise<object> {
    const { tenant, name } = await userinfoOf(client, this.signal);
    const as = profile?.value.name ?? name ?? null;
    this.print(
      factsText([
        ['server', client.server],
        ['kind', 'hawkbit'],
        ['login', profile?.name],
        ['tenant', tenant],
        ['name', as ?? undefined],
      ]),
    );
    return {
      ...{ server: client.server, driver: 'hawkbit', profile: profile?.name ?? null, tenant, name: as },
      ...{
        role: null,
        permissions: null,
        by: profile?.value.password === undefined ? 'token' : 'password',
        expires: null,
      },
    };
  }
}

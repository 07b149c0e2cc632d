import { Args, Flags } from '@oclif/core';
import { profileStore } from '../../cli/fleet-session.js';
import { checkedToken, checkedUsername } from '../../cli/given-credential.js';
import { connectionFlags, fleetPolicy, keptFiles } from '../../cli/server-connection.js';
import { OtaError } from '../../lib/core/errors.js';
import { basic, bearer } from '../../lib/fleet-api/credential.js';
import { askUserinfo } from '../../lib/fleet-api/hawkbit-login.js';
import { PROFILE_NAME, type Profile } from '../../lib/fleet-api/profiles.js';
import { parseDriverAddress } from '../../lib/fleet-api/server-address.js';
import { askWhoami, startSession } from '../../lib/fleet-api/sessions.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { promptText } from '../../lib/ui/prompts.js';
import { readSecret } from '../../lib/ui/secret.js';

export default class Login extends BaseCommand {
  static override summary = 'Log in to a fleet server, and keep the login for the commands that follow.';

  static override description =
    'With an API token, such as the one that `fleet serve` makes at its first start, or with the name and password of an ' +
    'operator. Nothing is kept before the server has said who you are. Logins are in servers.json in your configuration ' +
    'folder, readable by you alone; of a password only the session that it began is kept, for 30 days. On a terminal the ' +
    'secret is asked for without showing it.\n\n' +
    'A hawkBit (hawkbit+ before its address) begins no sessions: of a login there the name and the password themselves are ' +
    'kept.\n\n' +
    'Pipelines need no login: give them --server and --token-env.\n\n' +
    'Exits 2 for wrong usage, 6 when the login cannot be kept, 7 when the server does not answer, 15 when it refuses the ' +
    'credentials.';

  static override examples = [
    {
      description: 'With the token that a new server has made:',
      command: '<%= config.bin %> <%= command.id %> http://127.0.0.1:8080 --token-stdin < fleet-data/admin-token',
    },
    {
      description: 'With a password, asked for on the terminal:',
      command: '<%= config.bin %> <%= command.id %> https://fleet.example.com --username ann --profile work',
    },
    {
      description: 'At a hawkBit:',
      command: '<%= config.bin %> <%= command.id %> hawkbit+https://hawkbit.example.com --username admin',
    },
  ];

  static override args = {
    url: Args.string({ description: 'Address of the server.', required: true }),
  };

  static override flags = {
    profile: Flags.string({
      summary: "Name for the login; by default the server's host.",
      helpValue: 'NAME',
    }),
    'token-stdin': Flags.boolean({
      summary: 'Read an API token from stdin, one line.',
      exclusive: ['token-env', 'username'],
    }),
    'token-env': Flags.string({
      summary: 'Name of the environment variable that holds an API token.',
      helpValue: 'NAME',
      exclusive: ['token-stdin', 'username'],
    }),
    username: Flags.string({ summary: 'Log in as this operator, with a password.', helpValue: 'NAME' }),
    tenant: Flags.string({
      summary: 'Tenant of the operator; by default the one that the server began with.',
      helpValue: 'NAME',
      dependsOn: ['username'],
    }),
    'password-stdin': Flags.boolean({
      summary: 'Read the password from stdin, one line.',
      dependsOn: ['username'],
      exclusive: ['password-env'],
    }),
    'password-env': Flags.string({
      summary: 'Name of the environment variable that holds the password.',
      helpValue: 'NAME',
      dependsOn: ['username'],
      exclusive: ['password-stdin'],
    }),
    ...connectionFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Login);
    const isPlainAllowed = flags['insecure-http'];
    const { driver, server } = parseDriverAddress(args.url, { isPlainAllowed });
    const name = flags.profile ?? new URL(server).host;
    if (!PROFILE_NAME.test(name)) {
      throw new OtaError(
        'USAGE',
        '--profile: expected up to 128 letters, digits and ._:@-, the first a letter or digit',
      );
    }
    const connection = { server, policy: fleetPolicy(process.env, flags) };
    const who = await (driver === 'hawkbit' ? this.#hawkbit(connection, flags) : this.#fleet(connection, flags));
    const profile: Profile = {
      server,
      ...(driver !== 'fleet' && { driver }),
      ...keptFiles(flags),
      ...(isPlainAllowed && { isPlainAllowed }),
      ...who,
    };
    const { tenant, name: as, role } = profile;
    const store = profileStore(process.env, this.signal);
    await store.change(async ({ profiles }) => ({ current: name, profiles: { ...profiles, [name]: profile } }));
    this.print(`Logged in to ${server} as ${as}${driver === 'fleet' ? ` (${role})` : ''} in tenant ${tenant}`);
    this.note(`Kept as "${name}" in ${store.path}, for you alone`);
    return { profile: name, server, driver, tenant, name: as, role };
  }

  async #fleet(connection: Connection, flags: LoginFlags): Promise<LoggedIn> {
    const login = await this.#login(connection, flags);
    const who = await askWhoami(connection, 'token' in login ? login.token : login.session.accessToken);
    return { tenant: who.tenant, name: who.name, role: who.role, ...login };
  }

  async #login(
    connection: Connection,
    flags: LoginFlags,
  ): Promise<Required<Pick<Profile, 'token'>> | Required<Pick<Profile, 'session'>>> {
    const { username, tenant } = flags;
    if (username === undefined) return { token: await this.#token(connection, flags) };
    const password = await this.#password(username, flags);
    return { session: await startSession(connection, { tenant, name: username, password }) };
  }

  /** The name as it was typed is what its user logs in with, whatever the server calls them. */
  async #hawkbit(connection: Connection, flags: LoginFlags): Promise<LoggedIn> {
    if (flags.tenant !== undefined) {
      throw new OtaError('USAGE', '--tenant: at a hawkBit the tenant belongs to the user', ['Leave it out.']);
    }
    const role = 'hawkbit';
    if (flags['token-stdin'] || flags['token-env'] !== undefined) {
      const token = await this.#token(connection, flags);
      const { tenant, name = 'token' } = await askUserinfo(connection, bearer(token));
      return { tenant, name, role, token };
    }
    const question = { message: `User name at ${connection.server}`, flag: 'username', signal: this.signal };
    const name = checkedUsername(flags.username ?? (await promptText(question)));
    const password = await this.#password(name, flags);
    const { tenant } = await askUserinfo(connection, basic(name, password));
    return { tenant, name, role, password };
  }

  async #token({ server }: Connection, flags: LoginFlags): Promise<string> {
    const token = await readSecret({
      ...{ what: 'token', envName: flags['token-env'], stdin: flags['token-stdin'], signal: this.signal },
      prompt: { message: `API token for ${server}` },
    });
    return checkedToken(token);
  }

  #password(username: string, flags: LoginFlags): Promise<string> {
    return readSecret({
      ...{ what: 'password', envName: flags['password-env'], stdin: flags['password-stdin'], signal: this.signal },
      prompt: { message: `Password of ${username}` },
    });
  }
}

type LoggedIn = Pick<Profile, 'tenant' | 'name' | 'role' | 'token' | 'session' | 'password'>;

interface Connection {
  readonly server: string;
  readonly policy: ReturnType<typeof fleetPolicy>;
}

interface LoginFlags {
  readonly username?: string | undefined;
  readonly tenant?: string | undefined;
  readonly 'token-env'?: string | undefined;
  readonly 'token-stdin': boolean;
  readonly 'password-env'?: string | undefined;
  readonly 'password-stdin': boolean;
}

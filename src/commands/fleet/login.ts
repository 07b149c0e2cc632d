import { resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { checkedToken, connectionFlags, fleetPolicy, profileStore } from '../../cli/fleet-session.js';
import { OtaError } from '../../lib/core/errors.js';
import { PROFILE_NAME, type Profile } from '../../lib/fleet-api/profiles.js';
import { parseServerAddress } from '../../lib/fleet-api/server-address.js';
import { askWhoami, startSession } from '../../lib/fleet-api/sessions.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { readSecret } from '../../lib/ui/secret.js';

export default class Login extends BaseCommand {
  static override summary = 'Log in to a fleet server, and keep the login for the commands that follow.';

  static override description =
    'With an API token, such as the one that `fleet serve` makes at its first start, or with the name and password of an ' +
    'operator. Nothing is kept before the server has said who you are. Logins are in servers.json in your configuration ' +
    'folder, readable by you alone; of a password only the session that it began is kept, for 30 days. On a terminal the ' +
    'secret is asked for without showing it.\n\n' +
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
    const server = parseServerAddress(args.url, { isPlainAllowed });
    const name = flags.profile ?? new URL(server).host;
    if (!PROFILE_NAME.test(name)) {
      throw new OtaError(
        'USAGE',
        '--profile: expected up to 128 letters, digits and ._:@-, the first a letter or digit',
      );
    }
    const connection = { server, policy: fleetPolicy(process.env, flags.ca) };
    const login = await this.#login(connection, flags);
    const who = await askWhoami(connection, 'token' in login ? login.token : login.session.accessToken);
    const profile: Profile = {
      server,
      ...{ tenant: who.tenant, name: who.name, role: who.role },
      ...(flags.ca !== undefined && { ca: resolve(flags.ca) }),
      ...(isPlainAllowed && { isPlainAllowed }),
      ...login,
    };
    const store = profileStore(process.env, this.signal);
    await store.change(async ({ profiles }) => ({ current: name, profiles: { ...profiles, [name]: profile } }));
    this.print(`Logged in to ${server} as ${who.name} (${who.role}) in tenant ${who.tenant}`);
    this.note(`Kept as "${name}" in ${store.path}, for you alone`);
    return { profile: name, server, tenant: who.tenant, name: who.name, role: who.role };
  }

  async #login(
    connection: { server: string; policy: ReturnType<typeof fleetPolicy> },
    flags: {
      username?: string | undefined;
      tenant?: string | undefined;
      'token-env'?: string | undefined;
      'token-stdin': boolean;
      'password-env'?: string | undefined;
      'password-stdin': boolean;
    },
  ): Promise<Required<Pick<Profile, 'token'>> | Required<Pick<Profile, 'session'>>> {
    const { username, tenant } = flags;
    if (username === undefined) {
      const [envName, stdin] = [flags['token-env'], flags['token-stdin']];
      const token = await readSecret({
        ...{ what: 'token', envName, stdin, signal: this.signal },
        prompt: { message: `API token for ${connection.server}` },
      });
      return { token: checkedToken(token) };
    }
    const password = await readSecret({
      ...{ what: 'password', envName: flags['password-env'], stdin: flags['password-stdin'], signal: this.signal },
      prompt: { message: `Password of ${username}` },
    });
    return { session: await startSession(connection, { tenant, name: username, password }) };
  }
}

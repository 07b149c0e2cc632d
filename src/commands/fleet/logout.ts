import { Flags } from '@oclif/core';
import { chosenProfile, profileStore } from '../../cli/fleet-session.js';
import { filesOf, fleetPolicy } from '../../cli/server-connection.js';
import { OtaError } from '../../lib/core/errors.js';
import type { Profile } from '../../lib/fleet-api/profiles.js';
import { endSession, refreshSession } from '../../lib/fleet-api/sessions.js';
import { BaseCommand } from '../../lib/ui/base-command.js';

export default class Logout extends BaseCommand {
  static override summary = 'Forget a login, and end its session at the server.';

  static override description =
    'A session that a password began is ended at the server too, so that nobody who has a copy of it can go on. An API ' +
    'token stays good until somebody revokes it at the server. A login is forgotten even if the server cannot be told; a ' +
    'warning says so then.\n\n' +
    'Exits 2 when the file of logins cannot be used, 6 when it cannot be written, 15 when there is no login, 16 when there ' +
    'is none of that name.';

  static override examples = [
    { description: 'From the current server:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'From another one:', command: '<%= config.bin %> <%= command.id %> --profile work' },
  ];

  static override flags = {
    profile: Flags.string({ summary: 'Login to forget; by default the current one.', helpValue: 'NAME' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Logout);
    let gone: { name: string; value: Profile } | undefined;
    await profileStore(process.env, this.signal).change(async (kept) => {
      gone = chosenProfile(kept, { name: flags.profile });
      const { [gone.name]: _, ...profiles } = kept.profiles;
      return { current: kept.current === gone.name ? null : kept.current, profiles };
    });
    const { name, value } = gone!;
    const isEnded = value.session === undefined ? false : await this.#end(value, value.session.refreshToken);
    this.print(`Logged out from ${value.server}`);
    if (value.token !== undefined)
      this.note('The token itself is still good: revoke it at the server if it is needed no more');
    return { profile: name, server: value.server, isSessionEnded: isEnded };
  }

  /** The access token may be old; a session ends by a fresh one. */
  async #end(profile: Profile, refreshToken: string): Promise<boolean> {
    const connection = { server: profile.server, policy: fleetPolicy(process.env, filesOf(profile)) };
    try {
      const { accessToken } = await refreshSession(connection, refreshToken);
      await endSession(connection, accessToken);
      return true;
    } catch (error) {
      if (!(error instanceof OtaError)) throw error;
      // It had ended before.
      if (error.code === 'AUTHENTICATION_FAILED') return true;
      this.warnUser(`the session could not be ended at the server: ${error.message}`);
      return false;
    }
  }
}

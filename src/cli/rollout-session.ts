import { userInfo } from 'node:os';
import { Flags } from '@oclif/core';
import type { FleetDriver } from '../lib/fleet-api/driver.js';
import type { FleetClient } from '../lib/fleet-api/fleet-client.js';
import { type FleetSession, type FleetSessionFlags, fleetSessionFlags, openFleetSession } from './fleet-session.js';

/** What every command has that gives updates to a fleet: where that is and who one is there. */
export const rolloutSessionFlags = {
  ...fleetSessionFlags,
  server: Flags.string({
    summary: 'Address of the server, of a hawkBit with hawkbit+ before it; by default that of the current login.',
    helpValue: '[hawkbit+]URL',
    helpGroup: 'SERVER',
  }),
  username: Flags.string({
    summary: 'User of a hawkBit, with --password-env; no login is needed then.',
    helpValue: 'NAME',
    helpGroup: 'SERVER',
    dependsOn: ['password-env'],
    exclusive: ['token-env'],
  }),
  'password-env': Flags.string({
    summary: 'Name of the environment variable that holds the password.',
    helpValue: 'NAME',
    helpGroup: 'SERVER',
    dependsOn: ['username'],
  }),
};

export type RolloutSessionFlags = FleetSessionFlags;

/** A server that updates are given by, and who one is there. Ends with the command: `await using`. */
export interface RolloutSession extends AsyncDisposable {
  readonly driver: FleetDriver;
  readonly client: FleetClient;
  /** Who does what this command does, as the journal of a campaign names it. */
  readonly by: string;
}

/**
 * Opens the server that flags, configuration or the current login name.
 *
 * @throws OtaError as `openFleetSession`
 */
export async function openRolloutSession(
  flags: RolloutSessionFlags,
  where: { environment: Readonly<Record<string, string | undefined>>; signal?: AbortSignal },
): Promise<RolloutSession> {
  const session = await openFleetSession(flags, { ...where, drivers: ['fleet', 'hawkbit'] });
  // The driver ends the client.
  const driver = await openDriver(session);
  const { client } = session;
  return { driver, client, by: nameOf(session, flags), [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
}

async function openDriver({ client, driver }: FleetSession): Promise<FleetDriver> {
  if (driver === 'hawkbit') {
    const { openHawkbitDriver } = await import('../lib/fleet-api/hawkbit-driver.js');
    return openHawkbitDriver(client, { address: client.server });
  }
  const { openFleetDriver } = await import('../lib/fleet-api/fleet-driver.js');
  return openFleetDriver(client, { address: client.server });
}

/** With a token nobody has said who that is; the server's own log knows. */
function nameOf({ profile }: FleetSession, { username }: RolloutSessionFlags): string {
  return profile?.value.name ?? username ?? userInfo().username;
}

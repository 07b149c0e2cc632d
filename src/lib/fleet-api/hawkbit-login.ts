import * as z from 'zod/mini';
import { OtaError } from '../core/errors.js';
import type { CredentialSource } from './credential.js';
import type { FleetClient, FleetClientOptions } from './fleet-client.js';

const userinfo = z.object({
  tenant: z.optional(z.nullable(z.string())),
  username: z.optional(z.nullable(z.string())),
});

/** hawkBit's first tenant. */
const TENANT = 'DEFAULT';

/**
 * Who a credential is at a hawkBit. It tells nothing of what somebody may do.
 *
 * @throws OtaError AUTHENTICATION_FAILED: it is nobody's; HTTP_STATUS: there is something else than a hawkBit
 */
export async function askUserinfo(
  connection: Omit<FleetClientOptions, 'credential'>,
  credential: CredentialSource,
): Promise<{ tenant: string; name: string | undefined }> {
  // whoami has a client already, and starts without this.
  const { openFleetClient } = await import('./fleet-client.js');
  await using client = await openFleetClient({ ...connection, credential });
  return await userinfoOf(client);
}

/** The same of a client that is open. */
export async function userinfoOf(
  client: FleetClient,
  signal?: AbortSignal,
): Promise<{ tenant: string; name: string | undefined }> {
  try {
    const { tenant, username } = await client.call('GET', '/rest/v1/userinfo', { answer: userinfo, signal });
    return { tenant: tenant ?? TENANT, name: username ?? undefined };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'NOT_FOUND') throw error;
    // Where there is no such route, what everybody may ask for says whether one is let in.
    const page = z.object({ content: z.array(z.unknown()) });
    await client.call('GET', '/rest/v1/targets', { query: { limit: 1 }, answer: page, signal });
    return { tenant: TENANT, name: undefined };
  }
}

import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { ServerContext } from '../context.js';
import type { Access } from '../http/route.js';
import { ServerFailure } from '../http/server-failure.js';
import { CAMPAIGN_SCHEME } from './campaign-grants.js';
import { campaignPrincipal } from './campaign-login.js';
import { clientCertificateOf } from './client-certificate.js';
import { type DeviceLogin, openDeviceLogin } from './device-login.js';
import { operatorOf } from './operator-login.js';
import type { Permission } from './permissions.js';
import type { DevicePrincipal, OperatorPrincipal, Principal } from './principal.js';
import type { RateLimiter } from './rate-limiter.js';
import { addressKey } from './rates.js';
import { tooMany } from './too-many.js';

/** Finds out who sends a request, and whether they may. */
export interface Authenticator {
  /**
   * @returns undefined for a public route
   * @throws ServerFailure 401 when nobody known asks, 403 when their role does not allow it, 404 when one device asks
   *   as another, 429 when they ask too often
   */
  authenticate(access: Access, request: FastifyRequest): Promise<Principal | undefined>;
}

export function openAuthenticator(server: ServerContext): Authenticator {
  const deviceOf = openDeviceLogin(server);
  return {
    async authenticate(access, request) {
      if (access.kind === 'public') {
        take(server.access.limits.stranger, addressKey(request.ip));
        return undefined;
      }
      try {
        return access.kind === 'device'
          ? await device(server, request, deviceOf)
          : await operator(server, request, access);
      } catch (error) {
        // Whoever is known is served, however many strangers share the address.
        if (error instanceof ServerFailure && (error.status === 401 || error.status === 404)) {
          take(server.access.limits.stranger, addressKey(request.ip));
        }
        throw error;
      }
    },
  };
}

async function operator(
  { database, access, clock, log }: ServerContext,
  request: FastifyRequest,
  { permission }: { permission: Permission },
): Promise<OperatorPrincipal> {
  const credentials = { ...authorizationOf(request), address: request.ip, now: clock.now().getTime() };
  const { passwords, sessionTokens: tokens, grants } = access;
  // What came over a network is never a campaign, whoever learned its secret.
  const isOwn = credentials.scheme === CAMPAIGN_SCHEME && !(request.raw.socket instanceof Socket);
  const principal = isOwn
    ? await campaignPrincipal(credentials, { database, grants })
    : await operatorOf(credentials, { database, passwords, tokens, log });
  // The server keeps a pace of its own.
  if (!isOwn) take(access.limits.operator, `${principal.tenant.id} ${principal.name}`);
  if (!principal.permissions.has(permission)) {
    throw new ServerFailure(
      403,
      'FORBIDDEN',
      `the role ${principal.role} in ${principal.tenant.name} does not allow ${permission}`,
    );
  }
  return principal;
}

async function device(
  { access: { limits }, lastSeen, clock }: ServerContext,
  request: FastifyRequest,
  deviceOf: DeviceLogin,
): Promise<DevicePrincipal> {
  const { tenant, controllerId } = request.params as { tenant: string; controllerId: string };
  const certificate = clientCertificateOf(request.raw.socket);
  const principal = await deviceOf({ ...authorizationOf(request), certificate, tenant, controllerId });
  if (principal.kind === 'gateway') take(limits.gateway, `${principal.tenant.id}`);
  take(limits.device, `${principal.tenant.id} ${controllerId}`);
  if (principal.device !== undefined) lastSeen.saw(principal.device.id, clock.now().getTime());
  return principal;
}

/** RFC 9110, section 11.4: the scheme's case does not matter. */
function authorizationOf({ headers }: FastifyRequest): { scheme: string; value: string } {
  const [scheme = '', value = ''] = (headers.authorization ?? '').trim().split(/ +/, 2);
  return { scheme: scheme.toLowerCase(), value };
}

function take(limiter: RateLimiter, key: string): void {
  const waitMs = limiter.take(key);
  if (waitMs > 0) throw tooMany('requests', waitMs);
}

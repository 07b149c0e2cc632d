import type { FastifyRequest } from 'fastify';
import type { ServerContext } from '../context.js';
import type { Database } from '../database/database.js';
import type { Access } from '../http/route.js';
import { ServerFailure } from '../http/server-failure.js';
import { openDeviceAccess } from './device-access.js';
import { isGranted, type Role } from './permissions.js';
import type { OperatorPrincipal, Principal } from './principal.js';
import { tokenHash } from './token.js';

/** Finds out who sends a request, and whether they may. */
export interface Authenticator {
  /**
   * @returns undefined for a public route
   * @throws ServerFailure 401 when nobody known asks, 403 when their role does not allow it
   */
  authenticate(access: Access, request: FastifyRequest): Promise<Principal | undefined>;
}

type AuthenticatorNeeds = Pick<ServerContext, 'database' | 'tenantSettings' | 'lastSeen' | 'clock'>;

export function openAuthenticator(server: AuthenticatorNeeds): Authenticator {
  const { database } = server;
  const deviceOf = openDeviceAccess(server);
  return {
    async authenticate(access, request) {
      if (access.kind === 'public') return undefined;
      if (access.kind === 'device') return deviceOf(request);
      const [scheme = '', credential = ''] = (request.headers.authorization ?? '').split(' ', 2);
      const operator = await tokenHolder(database, scheme, credential);
      if (!isGranted(operator.role, access.permission)) {
        throw new ServerFailure(403, 'FORBIDDEN', `the role ${operator.role} does not allow ${access.permission}`);
      }
      return operator;
    },
  };
}

async function tokenHolder(database: Database, scheme: string, token: string): Promise<OperatorPrincipal> {
  if (scheme.toLowerCase() !== 'bearer') throw unauthenticated();
  const row = await database.sql
    .selectFrom('api_token')
    .innerJoin('tenant', 'tenant.id', 'api_token.tenant_id')
    .select(['tenant.id', 'tenant.name as tenantName', 'api_token.name', 'role'])
    .where('token_hash', '=', tokenHash(token))
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw unauthenticated();
  return {
    kind: 'operator',
    tenant: { id: row.id, name: row.tenantName },
    name: `token:${row.name}`,
    role: row.role as Role,
  };
}

function unauthenticated(): ServerFailure {
  return new ServerFailure(401, 'UNAUTHENTICATED', 'no known credentials', {
    headers: { 'www-authenticate': 'Bearer' },
  });
}

import type { FastifyRequest } from 'fastify';
import type { Database } from '../database/database.js';
import type { Access } from '../http/route.js';
import { ServerFailure } from '../http/server-failure.js';
import { isGranted, type Role } from './permissions.js';
import type { DevicePrincipal, OperatorPrincipal, Principal } from './principal.js';
import { tokenHash } from './token.js';

/** Finds out who sends a request, and whether they may. */
export interface Authenticator {
  /**
   * @returns undefined for a public route
   * @throws ServerFailure 401 when nobody known asks, 403 when their role does not allow it
   */
  authenticate(access: Access, request: FastifyRequest): Promise<Principal | undefined>;
}

export function openAuthenticator(database: Database): Authenticator {
  return {
    async authenticate(access, request) {
      if (access.kind === 'public') return undefined;
      const [scheme = '', credential = ''] = (request.headers.authorization ?? '').split(' ', 2);
      if (access.kind === 'device') return device(database, scheme, credential, request);
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

async function device(
  database: Database,
  scheme: string,
  token: string,
  request: FastifyRequest,
): Promise<DevicePrincipal> {
  const { tenant: tenantName, controllerId } = request.params as { tenant: string; controllerId: string };
  if (scheme !== 'TargetToken') throw unauthenticated();
  const row = await database.sql
    .selectFrom('device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant_id')
    .select(['tenant.id', 'tenant.name'])
    .where('tenant.name', '=', tenantName)
    .where('controller_id', '=', controllerId)
    .where('token_hash', '=', tokenHash(token))
    .executeTakeFirst();
  if (row === undefined) throw unauthenticated();
  return { kind: 'device', tenant: row, controllerId };
}

function unauthenticated(): ServerFailure {
  return new ServerFailure(401, 'UNAUTHENTICATED', 'no known credentials', {
    headers: { 'www-authenticate': 'Bearer' },
  });
}

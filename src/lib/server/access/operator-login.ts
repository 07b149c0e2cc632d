import type { ServerLog } from '../context.js';
import type { Database } from '../database/database.js';
import type { Holder } from './campaign-grants.js';
import { HOME_TENANT } from './home-tenant.js';
import type { PasswordLogin } from './password-login.js';
import { type Permission, permissionsOf, type Role } from './permissions.js';
import type { OperatorPrincipal } from './principal.js';
import type { SessionTokens } from './session-token.js';
import { tokenHash } from './token.js';
import { unauthenticated } from './unauthenticated.js';

/** `last_used_at` of a token is exact to this. */
const USE_NOTED_EVERY_MS = 60_000;

interface Options {
  readonly database: Database;
  readonly passwords: PasswordLogin;
  readonly tokens: SessionTokens;
  readonly log: ServerLog;
}

export interface Credentials {
  /** Lower case. */
  readonly scheme: string;
  readonly value: string;
  /** Of the client. */
  readonly address: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Who an operator's credentials belong to: a password (Basic), a session or an API token (Bearer). All but the password's
 * computation is looked up each time, so what was revoked, disabled or demoted is so at once, in every process.
 *
 * @throws ServerFailure 401, 429
 */
export async function operatorOf(credentials: Credentials, options: Options): Promise<OperatorPrincipal> {
  const { scheme, value } = credentials;
  if (scheme === 'basic') return passwordHolder(credentials, options);
  if (scheme !== 'bearer') throw unauthenticated();
  return value.startsWith('fleet_') ? tokenHolder(credentials, options) : sessionHolder(credentials, options);
}

async function passwordHolder(credentials: Credentials, { passwords, database }: Options): Promise<OperatorPrincipal> {
  const [, user = '', password = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(credentials.value, 'base64').toString('utf8')) ?? [];
  const [, tenant = HOME_TENANT, name = ''] = /^(?:([^\\]*)\\)?(.*)$/s.exec(user) ?? [];
  const operatorId = await passwords.check({ tenant, name, password, address: credentials.address });
  const row = await operators(database).where('operator.id', '=', operatorId).executeTakeFirst();
  if (row === undefined) throw unauthenticated();
  return operatorPrincipal(row);
}

async function sessionHolder({ value, now }: Credentials, { tokens, database }: Options): Promise<OperatorPrincipal> {
  const sessionId = await tokens.sessionOf(value);
  if (sessionId === undefined) throw unauthenticated();
  const row = await operators(database)
    .innerJoin('session', 'session.operator_id', 'operator.id')
    .where('session.id', '=', sessionId)
    .where('session.revoked_at', 'is', null)
    .where('session.expires_at', '>', now)
    .executeTakeFirst();
  if (row === undefined) throw unauthenticated();
  return { ...operatorPrincipal(row), sessionId };
}

function operators({ sql }: Database) {
  return sql
    .selectFrom('operator')
    .innerJoin('tenant', 'tenant.id', 'operator.tenant_id')
    .select(['operator.id', 'operator.name', 'operator.role', 'tenant.id as tenantId', 'tenant.name as tenantName'])
    .where('operator.disabled_at', 'is', null);
}

interface OperatorRow {
  readonly id: number;
  readonly name: string;
  readonly role: string;
  readonly tenantId: number;
  readonly tenantName: string;
}

function operatorPrincipal({ id, name, role, tenantId, tenantName }: OperatorRow): OperatorPrincipal {
  return {
    kind: 'operator',
    tenant: { id: tenantId, name: tenantName },
    name,
    role: role as Role,
    permissions: permissionsOf(role as Role, tenantName),
    operatorId: id,
  };
}

async function tokenHolder({ value, now }: Credentials, { database, log }: Options): Promise<OperatorPrincipal> {
  const row = await tokens(database).where('token_hash', '=', tokenHash(value)).executeTakeFirst();
  if (row === undefined || !isGood(row, now)) throw unauthenticated();
  if (now - (row.last_used_at ?? 0) >= USE_NOTED_EVERY_MS) await noteUse(database, row.id, now, log);
  return tokenPrincipal(row);
}

function tokens({ sql }: Database) {
  return sql
    .selectFrom('api_token')
    .innerJoin('tenant', 'tenant.id', 'api_token.tenant_id')
    .leftJoin('operator', 'operator.id', 'api_token.operator_id')
    .select(['tenant.id as tenantId', 'tenant.name as tenantName', 'api_token.id', 'api_token.name', 'api_token.role'])
    .select(['operator_id', 'operator.role as creatorRole', 'operator.disabled_at', 'expires_at', 'last_used_at'])
    .where('api_token.revoked_at', 'is', null);
}

type TokenRow = Awaited<ReturnType<ReturnType<typeof tokens>['executeTakeFirstOrThrow']>>;

function isGood({ disabled_at, expires_at }: TokenRow, now: number): boolean {
  return disabled_at === null && (expires_at === null || expires_at > now);
}

function tokenPrincipal(row: TokenRow): OperatorPrincipal {
  const role = row.role as Role;
  return {
    kind: 'operator',
    tenant: { id: row.tenantId, name: row.tenantName },
    name: `token:${row.name}`,
    role,
    permissions: commonPermissions(row.tenantName, role, row.creatorRole as Role | null),
    tokenId: row.id,
    ...(row.operator_id !== null && { creatorId: row.operator_id }),
  };
}

/** Somebody as they are now, without their credentials; undefined: they may not be anybody any more. */
export async function holderNow(
  database: Database,
  holder: Holder,
  now: number,
): Promise<OperatorPrincipal | undefined> {
  if ('operatorId' in holder) {
    const row = await operators(database).where('operator.id', '=', holder.operatorId).executeTakeFirst();
    return row && operatorPrincipal(row);
  }
  const row = await tokens(database).where('api_token.id', '=', holder.tokenId).executeTakeFirst();
  return row !== undefined && isGood(row, now) ? tokenPrincipal(row) : undefined;
}

/** A token never may more than who made it may now. */
function commonPermissions(tenant: string, role: Role, creatorRole: Role | null): ReadonlySet<Permission> {
  const own = permissionsOf(role, tenant);
  if (creatorRole === null || creatorRole === role) return own;
  const creators = permissionsOf(creatorRole, tenant);
  return new Set([...own].filter((permission) => creators.has(permission)));
}

/** That a token was used is worth knowing, but no reason to fail: on a full disk reading must still work. */
async function noteUse({ sql }: Database, id: number, now: number, log: ServerLog): Promise<void> {
  try {
    await sql.updateTable('api_token').set({ last_used_at: now }).where('id', '=', id).execute();
  } catch (error) {
    log.warn('when a token was used could not be noted', { error: (error as Error).message });
  }
}

import { timingSafeEqual } from 'node:crypto';
import { type AuditRecord, audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import type { ClientCertificate } from './client-certificate.js';
import { type FoundDevice, openDeviceLookup } from './device-lookup.js';
import type { DevicePrincipal } from './principal.js';
import { tokenHash } from './token.js';
import { unauthenticated } from './unauthenticated.js';

export interface DeviceCredentials {
  /** Of the authorization header, lower case: `targettoken` or `gatewaytoken`; empty: none. */
  readonly scheme: string;
  readonly value: string;
  readonly certificate: ClientCertificate | undefined;
  /** Whom it claims to be. */
  readonly tenant: string;
  readonly controllerId: string;
}

/**
 * Lets in a device that is who it claims to be, over HTTP or MQTT. Tokens count at once, settings within a second of their
 * change in another process.
 *
 * @throws ServerFailure 401 for unknown credentials; 403 for the certificate of another device (row 57 of the refusal
 *   catalogue); 404 for the token of another device or of another tenant's gateway (rows 52 and 53), which is audited
 */
export type DeviceLogin = (credentials: DeviceCredentials) => Promise<DevicePrincipal>;

type Needs = Pick<ServerContext, 'database' | 'tenantSettings' | 'clock'>;

export function openDeviceLogin(server: Needs): DeviceLogin {
  const lookup = openDeviceLookup(server.database);
  return async (credentials) => {
    const { scheme, value, certificate, controllerId } = credentials;
    const found = await lookup.find(credentials.tenant, controllerId);
    if (scheme === 'gatewaytoken') return gateway(server, credentials, found);
    if (certificate !== undefined) refuseForeignCertificate(certificate, credentials);
    if (scheme === 'targettoken') return tokenHolder(server, credentials, found);
    if (scheme !== '' || value !== '' || certificate === undefined || found === undefined) throw unauthenticated();
    const { 'authentication.certificate.enabled': isEnabled } = await server.tenantSettings.of(found.tenant.id);
    if (!isEnabled) throw unauthenticated();
    return principal('certificate', found, controllerId);
  };
}

async function tokenHolder(
  server: Needs,
  credentials: DeviceCredentials,
  found: FoundDevice | undefined,
): Promise<DevicePrincipal> {
  const hash = tokenHash(credentials.value);
  const known = found?.device?.tokenHash;
  if (found === undefined || known == null || !isSameHash(known, hash))
    throw await refusedToken(server, credentials, hash);
  const { 'authentication.targettoken.enabled': isEnabled } = await server.tenantSettings.of(found.tenant.id);
  if (!isEnabled) throw unauthenticated();
  return principal('device', found, credentials.controllerId);
}

async function gateway(
  server: Needs,
  credentials: DeviceCredentials,
  found: FoundDevice | undefined,
): Promise<DevicePrincipal> {
  const hash = tokenHash(credentials.value);
  const settings = found && (await server.tenantSettings.of(found.tenant.id));
  const key = settings?.['authentication.gatewaytoken.key'];
  if (found === undefined || key == null || !isSameHash(key, hash))
    throw await refusedGateway(server, credentials, hash);
  if (!settings?.['authentication.gatewaytoken.enabled']) throw unauthenticated();
  return principal('gateway', found, credentials.controllerId);
}

function principal(
  kind: DevicePrincipal['kind'],
  { tenant, device }: FoundDevice,
  controllerId: string,
): DevicePrincipal {
  return { kind, tenant, controllerId, ...(device && { device }) };
}

/** Row 57. With a token too: a stolen token is of no use to a device with a certificate of its own. */
function refuseForeignCertificate(certificate: ClientCertificate, claimed: DeviceCredentials): void {
  if (certificate.controllerId === claimed.controllerId && certificate.tenant === claimed.tenant) return;
  throw new ServerFailure(403, 'CERTIFICATE_MISMATCH', 'the client certificate belongs to another device');
}

/** Row 52: another device's token was not guessed; that device reads or reports as this one. */
async function refusedToken(server: Needs, claimed: DeviceCredentials, hash: string): Promise<ServerFailure> {
  const owner = await server.database.sql
    .selectFrom('device')
    .select(['tenant_id', 'controller_id'])
    .where('token_hash', '=', hash)
    .executeTakeFirst();
  if (owner === undefined) return unauthenticated();
  return audited(server, claimed, { tenantId: owner.tenant_id, actor: `device:${owner.controller_id}` });
}

/** Row 53. */
async function refusedGateway(server: Needs, claimed: DeviceCredentials, hash: string): Promise<ServerFailure> {
  const owner = await server.database.sql
    .selectFrom('tenant_setting')
    .select('tenant_id')
    .where('name', '=', 'authentication.gatewaytoken.key')
    .where('value', '=', JSON.stringify(hash))
    .executeTakeFirst();
  if (owner === undefined) return unauthenticated();
  return audited(server, claimed, { tenantId: owner.tenant_id, actor: 'gateway' });
}

/** Told to the tenant that the credentials belong to, and to the caller only that there is nothing. */
async function audited(
  { database, clock }: Needs,
  { tenant, controllerId }: DeviceCredentials,
  who: Pick<AuditRecord, 'tenantId' | 'actor'>,
): Promise<ServerFailure> {
  const now = clock.now().getTime();
  await database.transaction((tx) =>
    audit(tx, {
      ...who,
      action: 'device.impersonation.refused',
      object: `device:${controllerId}`,
      detail: { tenant },
      now,
    }),
  );
  return notFound('such device');
}

function isSameHash(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));
}

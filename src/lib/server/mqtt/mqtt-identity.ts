import type { ClientCertificate } from '../access/client-certificate.js';
import { openDeviceLogin } from '../access/device-login.js';
import { HOME_TENANT } from '../access/home-tenant.js';
import { operatorOf } from '../access/operator-login.js';
import type { DevicePrincipal, Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import { ServerFailure } from '../http/server-failure.js';

/** Who is at the other end of a connection. */
export type MqttIdentity =
  | { readonly kind: 'device'; readonly tenant: Tenant; readonly controllerId: string; readonly deviceId: number }
  /** Speaks for every device of its tenant. */
  | { readonly kind: 'gateway'; readonly tenant: Tenant }
  | {
      readonly kind: 'operator';
      readonly tenant: Tenant;
      readonly name: string;
      readonly mayPublish: boolean;
      readonly maySubscribe: boolean;
    };

export interface MqttCredentials {
  /**
   * `TENANT/DEVICE`; `TENANT`, where the client id names the device; nothing, where a certificate says both. With an API
   * token anything.
   */
  readonly userName: string;
  /** Token of the device, of the tenant's gateway, or an API token. */
  readonly password: string;
  readonly clientId: string;
  readonly certificate: ClientCertificate | undefined;
  /** Of the client. */
  readonly address: string;
}

export type MqttLogin = (credentials: MqttCredentials) => Promise<MqttIdentity | undefined>;

/** API tokens can be told from all others: see newToken. */
const API_TOKEN = /^fleet_/;

type Needs = Pick<ServerContext, 'access' | 'clock' | 'database' | 'log' | 'tenantSettings'>;

/** Lets devices, gateways and operators in by their tokens, and devices by their certificates. */
export function openMqttLogin(server: Needs): MqttLogin {
  const deviceOf = openDeviceLogin(server);
  return async (credentials) => {
    const { password, certificate } = credentials;
    try {
      if (API_TOKEN.test(password)) return await operator(server, credentials);
      const claim = { ...claimOf(credentials), certificate, value: password };
      if (password === '') return ofPrincipal(await deviceOf({ ...claim, scheme: '' }));
      const device = await deviceOf({ ...claim, scheme: 'targettoken' }).catch(unlessUnknown);
      return ofPrincipal(device ?? (await deviceOf({ ...claim, scheme: 'gatewaytoken' })));
    } catch (error) {
      if (error instanceof ServerFailure && error.status < 500) return undefined;
      throw error;
    }
  };
}

/** The token of no device may be a gateway's. */
function unlessUnknown(error: unknown): undefined {
  if (!(error instanceof ServerFailure && error.status === 401)) throw error;
}

function ofPrincipal({ kind, tenant, controllerId, device }: DevicePrincipal): MqttIdentity | undefined {
  if (kind === 'gateway') return { kind, tenant };
  return device && { kind: 'device', tenant, controllerId, deviceId: device.id };
}

function claimOf({ userName, clientId, certificate }: MqttCredentials): { tenant: string; controllerId: string } {
  if (userName === '' && certificate !== undefined) return certificate;
  const slash = userName.indexOf('/');
  if (slash < 0) return { tenant: userName === '' ? HOME_TENANT : userName, controllerId: clientId };
  return { tenant: userName.slice(0, slash), controllerId: userName.slice(slash + 1) };
}

async function operator(
  { access, clock, database, log }: Needs,
  { password: value, address }: MqttCredentials,
): Promise<MqttIdentity> {
  const { passwords, sessionTokens: tokens } = access;
  const credentials = { scheme: 'bearer', value, address, now: clock.now().getTime() };
  const { tenant, name, permissions } = await operatorOf(credentials, { database, passwords, tokens, log });
  return {
    kind: 'operator',
    tenant,
    name,
    mayPublish: permissions.has('telemetry:write'),
    maySubscribe: permissions.has('telemetry:read') && permissions.has('events:read'),
  };
}

/** For the audit log, and to tell whether two are the same. */
export function actorOf(identity: MqttIdentity): string {
  if (identity.kind === 'device') return `device:${identity.controllerId}`;
  return identity.kind === 'gateway' ? 'gateway' : identity.name;
}

export function isSameIdentity(one: MqttIdentity, other: MqttIdentity): boolean {
  return one.kind === other.kind && one.tenant.id === other.tenant.id && actorOf(one) === actorOf(other);
}

import type { KnownDevice } from './device-lookup.js';
import type { Role } from './permissions.js';

/** The tenant that a request is about, and that its principal belongs to. */
export interface Tenant {
  readonly id: number;
  readonly name: string;
}

/** A person or a pipeline. */
export interface OperatorPrincipal {
  readonly kind: 'operator';
  readonly tenant: Tenant;
  /** For the audit log: name of the operator, or `token:NAME`. */
  readonly name: string;
  readonly role: Role;
  readonly operatorId?: number;
  readonly sessionId?: string;
}

/** A device, or a gateway that speaks for all devices of the tenant. */
export interface DevicePrincipal {
  readonly kind: 'device' | 'gateway';
  readonly tenant: Tenant;
  /** Name of the device that it is or speaks for. */
  readonly controllerId: string;
  /** Absent: a gateway speaks for a device that nobody knows yet. */
  readonly device?: KnownDevice;
}

export type Principal = OperatorPrincipal | DevicePrincipal;

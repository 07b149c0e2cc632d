import type { KnownDevice } from './device-lookup.js';
import type { Permission, Role } from './permissions.js';

/** The tenant that a request is about, and that its principal belongs to. */
export interface Tenant {
  readonly id: number;
  readonly name: string;
}

/** A person or a pipeline. */
export interface OperatorPrincipal {
  readonly kind: 'operator';
  readonly tenant: Tenant;
  /** For the audit log: name of the operator, `token:NAME`, or `campaign:NAME (for …)` of one of these. */
  readonly name: string;
  readonly role: Role;
  /** Those of the role; of a token only what its creator may, too. */
  readonly permissions: ReadonlySet<Permission>;
  /** Of a person. */
  readonly operatorId?: number;
  /** Of a token. */
  readonly tokenId?: number;
  /** Of a token that a person made: that person. */
  readonly creatorId?: number;
  /** Of a person who is logged in by a session. */
  readonly sessionId?: string;
}

/** A device, or a gateway in the name of one. */
export interface DevicePrincipal {
  /**
   * By the token of the device itself, by that of a gateway, which speaks for every device of its tenant, or by a
   * certificate. Gateways and certificates may come with a device that is new: whoever gave them vouches for it.
   */
  readonly kind: 'device' | 'gateway' | 'certificate';
  readonly tenant: Tenant;
  /** The device that it is or speaks for: the one in the path. */
  readonly controllerId: string;
  /** Absent: nobody knows it yet. */
  readonly device?: KnownDevice;
}

export type Principal = OperatorPrincipal | DevicePrincipal;

import { ROLES, type Role } from '../../wire/access.js';
import { HOME_TENANT } from './home-tenant.js';

export { ROLES, type Role };

/** What a request may need. Reading is apart from changing, and people are apart from devices. */
export const PERMISSIONS = [
  /** Only to be somebody: who am I, end my session. */
  'self',
  'devices:read',
  'devices:write',
  /** Modules, sets, artifacts, releases, channels. */
  'software:read',
  'software:write',
  /** Rollouts, assignments and actions. */
  'rollouts:read',
  'rollouts:write',
  'telemetry:read',
  /** To send telemetry in the name of devices, as a gateway does. */
  'telemetry:write',
  'events:read',
  'audit:read',
  'settings:read',
  'settings:write',
  /** Operators and tokens. */
  'access:write',
  /** Figures of the whole server; only in the tenant that it began with, as all that follows. */
  'server:read',
  'tenants:write',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const READING = [
  'self',
  'devices:read',
  'software:read',
  'rollouts:read',
  'telemetry:read',
  'events:read',
  'settings:read',
  'server:read',
] as const satisfies Permission[];

const GRANTED: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  admin: new Set(PERMISSIONS),
  operator: new Set<Permission>([...READING, 'devices:write', 'software:write', 'rollouts:write', 'telemetry:write']),
  viewer: new Set<Permission>(READING),
  auditor: new Set<Permission>([...READING, 'audit:read']),
};

/** About the whole server, so only for whoever runs it. */
const OF_THE_SERVER: ReadonlySet<Permission> = new Set<Permission>(['server:read', 'tenants:write']);

const GRANTED_ELSEWHERE = Object.fromEntries(
  ROLES.map((role) => [role, new Set([...GRANTED[role]].filter((permission) => !OF_THE_SERVER.has(permission)))]),
) as unknown as typeof GRANTED;

/** @param tenant name of the one that the role is in */
export function permissionsOf(role: Role, tenant: string): ReadonlySet<Permission> {
  return (tenant === HOME_TENANT ? GRANTED : GRANTED_ELSEWHERE)[role];
}

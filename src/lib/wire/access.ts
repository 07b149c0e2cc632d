import * as z from 'zod/mini';

/** Who an operator is to the fleet. */
export const ROLES = ['admin', 'operator', 'viewer', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

const time = z.int();
const role = z.enum(ROLES);

/**
 * Names of operators and tokens. No `:` (it ends a name in Basic authentication), no `\` (it ends a tenant), nothing that
 * cannot be seen.
 */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,127}$/u;
const name = z
  .string()
  .check(z.regex(NAME, 'expected up to 128 letters, digits and ._@+-, the first a letter or a digit'));
/** NIST SP 800-63B: length is what counts. */
const newPassword = z.string().check(z.minLength(12, 'expected at least 12 characters'), z.maxLength(256));
const password = z.string().check(z.maxLength(1024));

export const tenantName = z
  .string()
  .check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'expected up to 64 letters, digits, - and _'));

/** `POST /api/v1/session` */
export const login = z.object({ tenant: z.optional(z.string()), name: z.string(), password });
/** `POST /api/v1/session/refresh` */
export const renewal = z.object({ refreshToken: z.string().check(z.maxLength(512)) });
/** What both answer. Times in milliseconds since 1970. */
export const sessionGrant = z.object({
  /** For `Authorization: Bearer`. */
  accessToken: z.string(),
  accessExpiresAt: time,
  /** For one renewal. Using one twice ends the session: somebody else has it too. */
  refreshToken: z.string(),
  /** When the session ends whatever is renewed. */
  expiresAt: time,
});
export type SessionGrant = z.output<typeof sessionGrant>;

/** `GET /api/v1/whoami` */
export const whoami = z.object({
  tenant: z.string(),
  name: z.string(),
  role,
  permissions: z.array(z.string()),
  /** How the caller is logged in. */
  by: z.enum(['password', 'session', 'token']),
});
export type Whoami = z.output<typeof whoami>;

/** `GET /rest/v1/userinfo`, as hawkBit has it. */
export const userInfo = z.object({ tenant: z.string(), username: z.string() });

export const operator = z.object({ id: z.int(), name: z.string(), role, createdAt: time, isDisabled: z.boolean() });
export type Operator = z.output<typeof operator>;
export const newOperator = z.strictObject({ name, role, password: newPassword });
export const operatorChange = z.strictObject({
  role: z.optional(role),
  /** Ends the sessions of the operator. */
  password: z.optional(newPassword),
  isDisabled: z.optional(z.boolean()),
});
/** `PUT /api/v1/password`: one's own. Ends one's other sessions. */
export const passwordChange = z.strictObject({ current: password, next: newPassword });

export const apiToken = z.object({
  id: z.int(),
  name: z.string(),
  role,
  createdBy: z.string(),
  createdAt: time,
  expiresAt: z.nullable(time),
  revokedAt: z.nullable(time),
  /** To the minute. */
  lastUsedAt: z.nullable(time),
});
export type ApiToken = z.output<typeof apiToken>;
/** Without `expiresAt` it lasts until it is revoked. */
export const newApiToken = z.strictObject({ name, role, expiresAt: z.optional(z.nullable(time)) });
/** `token` is shown this once. */
export const createdApiToken = z.extend(apiToken, { token: z.string() });

export const tenant = z.object({ id: z.int(), name: z.string(), createdAt: time });
export type TenantInfo = z.output<typeof tenant>;
export const newTenant = z.strictObject({ name: tenantName });
/** `adminToken` is shown this once. */
export const createdTenant = z.extend(tenant, { adminToken: z.string() });

/** `GET /api/v1/settings/{name}`; of a secret only whether it is set. */
export const settingInfo = z.object({
  name: z.string(),
  /** Absent for a secret. */
  value: z.optional(z.json()),
  isDefault: z.boolean(),
});
export type SettingInfo = z.output<typeof settingInfo>;
export const settingChange = z.strictObject({ value: z.json() });

/** A list that is whole. */
export const listOf = <T extends z.core.SomeType>(item: T) => z.object({ items: z.array(item) });

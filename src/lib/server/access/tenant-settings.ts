import type { Transaction } from 'kysely';
import * as z from 'zod/mini';
import type { $ZodType, output } from 'zod/v4/core';
import { DEFAULT_CHANNELS } from '../../catalog/channel.js';
import { OtaError } from '../../core/errors.js';
import { checkSchema } from '../../core/schema.js';
import type { JsonObject, JsonValue } from '../../core/strict-json.js';
import { channelName } from '../../wire/catalog.js';
import { requireRotation } from '../artifacts/trust-root.js';
import { audit } from '../audit/audit.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { tokenHash } from './token.js';

interface SettingSpec<T> {
  /** What a tenant may set it to. */
  readonly schema: $ZodType<T>;
  /** What counts until then. */
  readonly fallback: T;
  /** A secret: kept and read as its hash, told to nobody. */
  readonly isSecret?: true;
}

const setting = <T>(schema: $ZodType<T>, fallback: NoInfer<T>): SettingSpec<T> => ({ schema, fallback });

/** `hh:mm:ss`, as hawkBit writes it. */
const timeOfDay = z.string().check(z.regex(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/, 'expected hh:mm:ss'));
const flag = z.boolean();
const wholeNumber = (least: number, most: number) => z.int().check(z.minimum(least), z.maximum(most));

/** Everything that a tenant may set: hawkBit's name where it has one, else ours. */
export const TENANT_SETTINGS = {
  /** How long devices sleep between two polls. */
  pollingTime: setting(timeOfDay, '00:05:00'),
  /** How long after a poll was due a device counts as overdue. */
  pollingOverdueTime: setting(timeOfDay, '00:05:00'),
  /** A device may log in with the token it was registered with. */
  'authentication.targettoken.enabled': setting(flag, true),
  /** A gateway may log in for every device, and registers those that are new. */
  'authentication.gatewaytoken.enabled': setting(flag, false),
  'authentication.gatewaytoken.key': {
    schema: z.nullable(z.string().check(z.minLength(16), z.maxLength(256))),
    fallback: null,
    isSecret: true,
  } as SettingSpec<string | null>,
  /** A device may log in with a TLS certificate; needs a server that knows a CA for clients. */
  'authentication.certificate.enabled': setting(flag, true),
  /** A rollout waits until somebody has approved it. */
  'rollout.approval.enabled': setting(flag, false),
  /** An update waits until somebody at the device, or an operator, has confirmed it. */
  'user.confirmation.flow.enabled': setting(flag, false),
  /** Without a sign of life for so long a device is offline. */
  offlineAfterSeconds: setting(wholeNumber(1, 366 * 86_400), 900),
  /** Artifacts that may be uploaded: `ota`, and endings of formats that this server cannot verify. */
  acceptedFormats: setting(
    z.array(z.string().check(z.regex(/^[a-z0-9]{1,16}$/, 'expected an ending like ota or swu'))).check(z.maxLength(32)),
    ['ota'],
  ),
  /** Channels of the catalogue, from the most careful to the most eager: who follows one also gets what is in those before. */
  'catalog.channels': setting(
    z.array(channelName).check(
      z.minLength(1),
      z.maxLength(16),
      z.refine((names) => new Set(names).size === names.length, 'expected every channel once'),
    ),
    [...DEFAULT_CHANNELS],
  ),
  /** Bytes of all artifacts together. */
  'artifacts.maxBytes': setting(wholeNumber(0, 2 ** 50), 1024 ** 4),
  /** The content of a trust root file, which an `.ota` must be signed under. */
  trustRoot: setting(z.nullable(z.record(z.string(), z.json())), null),
  /** Telemetry that an operator or a gateway sends registers devices that are new; otherwise it is refused. */
  'telemetry.newDevices.enabled': setting(flag, false),
  /** An action that its device is silent about for so long ends as an error. */
  'action.timeoutSeconds': setting(wholeNumber(60, 366 * 86_400), 86_400),
} as const;

export type SettingName = keyof typeof TENANT_SETTINGS;
/** By name; what is secret is the SHA-256 of the secret. */
export type TenantSettings = { readonly [N in SettingName]: output<(typeof TENANT_SETTINGS)[N]['schema']> };

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(TENANT_SETTINGS, name);
}

/** What a tenant has set, and the defaults of the rest. */
export async function readSettings(db: Queryable, tenantId: number): Promise<TenantSettings> {
  const rows = await db
    .selectFrom('tenant_setting')
    .select(['name', 'value'])
    .where('tenant_id', '=', tenantId)
    .execute();
  const settings: Record<string, unknown> = {};
  for (const [name, { fallback }] of Object.entries(TENANT_SETTINGS)) settings[name] = fallback;
  for (const { name, value } of rows) if (isSettingName(name)) settings[name] = JSON.parse(value);
  return settings as TenantSettings;
}

export interface SettingChange {
  readonly tenantId: number;
  readonly actor: string;
  readonly name: SettingName;
  /** Anything; it is checked here. undefined: back to the default. */
  readonly value: unknown;
  readonly now: number;
}

/**
 * Changes what a tenant has set, and writes that to its audit log.
 *
 * @throws OtaError USAGE: the value is none that the setting may have; LIMIT_EXCEEDED, and those of reading a trust root
 */
export async function writeSetting(tx: Transaction<Schema>, change: SettingChange): Promise<void> {
  const { tenantId, actor, name, now } = change;
  const spec: SettingSpec<unknown> = TENANT_SETTINGS[name];
  if (change.value === undefined && name !== 'trustRoot') {
    await tx.deleteFrom('tenant_setting').where('tenant_id', '=', tenantId).where('name', '=', name).execute();
    await audit(tx, { tenantId, actor, action: 'setting.reset', object: `setting:${name}`, detail: {}, now });
    return;
  }
  const given = checkSchema(spec.schema, change.value ?? null, { code: 'USAGE', name });
  if (name === 'trustRoot') {
    const { trustRoot } = await readSettings(tx, tenantId);
    requireRotation(trustRoot as JsonObject | null, given as JsonObject | null, new Date(now));
  }
  const value = JSON.stringify(spec.isSecret && given !== null ? tokenHash(given as string) : given);
  await tx
    .insertInto('tenant_setting')
    .values({ tenant_id: tenantId, name, value })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'name']).doUpdateSet({ value }))
    .execute();
  const detail: Record<string, JsonValue> = spec.isSecret ? {} : { value: given as JsonValue };
  await audit(tx, { tenantId, actor, action: 'setting.changed', object: `setting:${name}`, detail, now });
}

/** @throws OtaError NOT_FOUND */
export function settingName(name: string): SettingName {
  if (isSettingName(name)) return name;
  throw new OtaError('NOT_FOUND', `there is no setting ${name}`, [
    `There are ${Object.keys(TENANT_SETTINGS).join(', ')}.`,
  ]);
}

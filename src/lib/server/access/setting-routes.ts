import * as z from 'zod/mini';
import type { JsonValue } from '../../core/strict-json.js';
import { listOf, type SettingInfo, settingChange, settingInfo } from '../../wire/access.js';
import type { Queryable } from '../database/database.js';
import { needs, type RouteDefinition, route } from '../http/route.js';
import { changeSettings } from './change-settings.js';
import {
  readSettings,
  type SettingName,
  settingName,
  TENANT_SETTINGS,
  type TenantSettings,
} from './tenant-settings.js';

const params = z.object({ name: z.string().check(z.maxLength(128)) });
/** A trust root is the largest. */
const MAX_BODY_BYTES = 2 * 1024 ** 2;

export const settingRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/settings',
    access: needs('settings:read'),
    summary: 'Lists what the tenant may set, and what it has set.',
    answers: {
      200: { description: 'Every setting; of secrets only whether they are set.', json: listOf(settingInfo) },
    },
    async handle({ server: { database }, tenant }) {
      const settings = await readSettings(database.sql, tenant.id);
      const names = Object.keys(TENANT_SETTINGS) as SettingName[];
      const set = await namesSet(database.sql, tenant.id);
      return { items: names.map((name) => infoOf(name, settings, set)) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/settings/{name}',
    access: needs('settings:read'),
    summary: 'Tells one setting.',
    params,
    answers: { 200: { description: 'The setting.', json: settingInfo } },
    async handle({ server: { database }, tenant, params: { name } }) {
      return oneOf(database.sql, tenant.id, settingName(name));
    },
  }),
  route({
    method: 'PUT',
    path: '/api/v1/settings/{name}',
    access: needs('settings:write'),
    summary: 'Changes a setting. Every process of the server goes by it within a second.',
    params,
    body: { json: settingChange, maxBytes: MAX_BODY_BYTES },
    answers: { 200: { description: 'The setting.', json: settingInfo } },
    async handle({ server, tenant, principal, params: { name }, body: { value }, now }) {
      const known = settingName(name);
      await changeSettings(server, { tenantId: tenant.id, actor: principal.name, values: { [known]: value }, now });
      return oneOf(server.database.sql, tenant.id, known);
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/settings/{name}',
    access: needs('settings:write'),
    summary: 'Sets a setting back to its default.',
    params,
    answers: { 200: { description: 'The setting.', json: settingInfo } },
    async handle({ server, tenant, principal, params: { name }, now }) {
      const known = settingName(name);
      await changeSettings(server, { tenantId: tenant.id, actor: principal.name, values: { [known]: undefined }, now });
      return oneOf(server.database.sql, tenant.id, known);
    },
  }),
];

async function oneOf(db: Queryable, tenantId: number, name: SettingName): Promise<SettingInfo> {
  return infoOf(name, await readSettings(db, tenantId), await namesSet(db, tenantId));
}

async function namesSet(db: Queryable, tenantId: number): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('tenant_setting').select('name').where('tenant_id', '=', tenantId).execute();
  return new Set(rows.map(({ name }) => name));
}

function infoOf(name: SettingName, settings: TenantSettings, set: ReadonlySet<string>): SettingInfo {
  const isDefault = !set.has(name);
  if ('isSecret' in TENANT_SETTINGS[name]) return { name, isDefault };
  return { name, value: settings[name] as JsonValue, isDefault };
}

import * as z from 'zod/mini';
import { managementConfigValue, managementConfigValues } from '../../wire/management.js';
import { changeSettings } from '../access/change-settings.js';
import { readSettings, type SettingName, settingName, TENANT_SETTINGS } from '../access/tenant-settings.js';
import type { Queryable } from '../database/database.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { type LinkMaker, linksOf } from './links.js';

const namePath = z.object({ name: z.string() });
const PATH = '/rest/v1/system/configs';

/** What a tenant has set. */
export const configRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: PATH,
    access: needs('settings:read'),
    summary: 'Lists the settings of the tenant by name.',
    answers: { 200: { description: 'All of them.' } },
    async handle({ server: { database }, tenant, request }) {
      const names = Object.keys(TENANT_SETTINGS) as SettingName[];
      return configsOf(database.sql, tenant.id, names, linksOf(request));
    },
  }),
  route({
    method: 'PUT',
    path: PATH,
    access: needs('settings:write'),
    summary: 'Changes settings of the tenant, all of them or none.',
    body: { json: managementConfigValues },
    answers: { 200: { description: 'What was changed, as it is now.' } },
    async handle({ server, tenant, principal, body, now, request }) {
      const names = Object.keys(body).map(settingName);
      await changeSettings(server, { tenantId: tenant.id, actor: principal.name, values: body, now });
      return Object.values(await configsOf(server.database.sql, tenant.id, names, linksOf(request)));
    },
  }),
  route({
    method: 'GET',
    path: `${PATH}/{name}`,
    access: needs('settings:read'),
    summary: 'Tells a setting of the tenant.',
    params: namePath,
    answers: { 200: { description: 'Its value.' } },
    handle: ({ server, tenant, params, request }) =>
      configOf(server.database.sql, tenant.id, settingName(params.name), linksOf(request)),
  }),
  route({
    method: 'PUT',
    path: `${PATH}/{name}`,
    access: needs('settings:write'),
    summary: 'Changes a setting of the tenant.',
    params: namePath,
    body: { json: managementConfigValue },
    answers: { 200: { description: 'It as it is now.' } },
    async handle({ server, tenant, principal, params, body, now, request }) {
      const name = settingName(params.name);
      const values = { [name]: body.value };
      await changeSettings(server, { tenantId: tenant.id, actor: principal.name, values, now });
      return configOf(server.database.sql, tenant.id, name, linksOf(request));
    },
  }),
  route({
    method: 'DELETE',
    path: `${PATH}/{name}`,
    access: needs('settings:write'),
    summary: 'Sets a setting of the tenant back to its default.',
    params: namePath,
    answers: { 204: { description: 'It is the default.' } },
    async handle({ server, tenant, principal, params, now }) {
      const values = { [settingName(params.name)]: undefined };
      await changeSettings(server, { tenantId: tenant.id, actor: principal.name, values, now });
      return new Answer(204);
    },
  }),
];

async function configOf(db: Queryable, tenantId: number, name: SettingName, link: LinkMaker): Promise<object> {
  return (await configsOf(db, tenantId, [name], link))[name]!;
}

/** `global`: it is the default. What is secret is told by whether it is set. */
async function configsOf(
  db: Queryable,
  tenantId: number,
  names: readonly SettingName[],
  link: LinkMaker,
): Promise<Record<string, object>> {
  const settings = await readSettings(db, tenantId);
  const rows = await db.selectFrom('tenant_setting').select('name').where('tenant_id', '=', tenantId).execute();
  const own = new Set(rows.map(({ name }) => name));
  return Object.fromEntries(
    names.map((name) => {
      const isSecret = 'isSecret' in TENANT_SETTINGS[name];
      const value = isSecret ? settings[name] !== null : settings[name];
      return [name, { value, global: !own.has(name), _links: { self: link(`/system/configs/${name}`) } }];
    }),
  );
}

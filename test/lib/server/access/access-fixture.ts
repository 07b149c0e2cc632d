import type { Role } from '../../../../src/lib/server/access/permissions.js';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import type { CallOptions, TestServer } from '../server-fixture.js';

export const PASSWORD = 'correct horse battery';

/** Credentials as they are sent. */
export const basic = (user: string, password: string): NonNullable<CallOptions['as']> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
export const bearer = (token: string): NonNullable<CallOptions['as']> => ({ authorization: `Bearer ${token}` });

/** @returns the operator's id */
export async function addOperator(server: TestServer, name: string, role: Role, tenant = 'DEFAULT'): Promise<number> {
  const body = { name, role, password: PASSWORD };
  const added = await server.call('POST', '/api/v1/operators', { body, tenant });
  if (added.status !== 201) throw new Error(`operator ${name}: ${added.status} ${JSON.stringify(added.body)}`);
  return added.body.id;
}

/** Logs in by password. */
export async function logIn(server: TestServer, name: string, tenant = 'DEFAULT') {
  const body = { tenant, name, password: PASSWORD };
  const answer = await server.call('POST', '/api/v1/session', { body, as: null });
  if (answer.status !== 201) throw new Error(`session of ${name}: ${answer.status}`);
  return answer.body as { accessToken: string; refreshToken: string; accessExpiresAt: number; expiresAt: number };
}

/** @returns the device's token */
export async function addDevice(server: TestServer, tenantId: number, controllerId: string): Promise<string> {
  const options = { tenantId, createdBy: 'test', now: 0, existing: 'refuse' } as const;
  const { created } = await server.running.context.database.transaction((tx) =>
    createDevices(tx, [{ controllerId }], options),
  );
  return created[0]!.securityToken!;
}

/** The actions that a tenant's audit log holds, the oldest first. */
export async function auditedActions(server: TestServer, tenantId = 1): Promise<string[]> {
  const { sql } = server.running.context.database;
  const rows = await sql
    .selectFrom('audit')
    .select(['actor', 'action', 'object'])
    .where('tenant_id', '=', tenantId)
    .orderBy('seq')
    .execute();
  return rows.map(({ actor, action, object }) => `${actor} ${action} ${object}`);
}

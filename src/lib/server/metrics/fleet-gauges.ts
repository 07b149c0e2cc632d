import { Gauge, Registry } from 'prom-client';
import type { Database } from '../database/database.js';

/** Figures that lie in the database, the same whichever process is asked. */
export async function fleetGauges({ sql }: Database): Promise<string> {
  const registry = new Registry();
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const devices = gauge('fleet_devices', 'Devices by tenant, presence and update status.', [
    'tenant',
    'online',
    'status',
  ]);
  const counted = await sql
    .selectFrom('device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant_id')
    .select(({ fn }) => ['tenant.name', 'is_online', 'update_status', fn.countAll<number>().as('count')])
    .groupBy(['tenant.name', 'is_online', 'update_status'])
    .execute();
  for (const { name, is_online, update_status, count } of counted) {
    devices.set({ tenant: name, online: `${is_online === 1}`, status: update_status }, Number(count));
  }
  const actions = gauge('fleet_active_actions', 'Updates under way by tenant and status.', ['tenant', 'status']);
  const active = await sql
    .selectFrom('action')
    .innerJoin('tenant', 'tenant.id', 'action.tenant_id')
    .select(({ fn }) => ['tenant.name', 'status', fn.countAll<number>().as('count')])
    .where('is_active', '=', 1)
    .groupBy(['tenant.name', 'status'])
    .execute();
  for (const { name, status, count } of active) actions.set({ tenant: name, status }, Number(count));
  return registry.metrics();
}

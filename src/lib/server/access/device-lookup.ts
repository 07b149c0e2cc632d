import { type CompiledQuery, sql } from 'kysely';
import type { ActionStatus } from '../actions/action-status.js';
import type { Database } from '../database/database.js';
import type { Flag } from '../database/schema.js';
import type { Tenant } from './principal.js';

/** What is known of a device before it has said anything: all that its poll is answered from. */
export interface KnownDevice {
  readonly id: number;
  /** SHA-256 of its token; null: it has none. */
  readonly tokenHash: string | null;
  /** The server has asked for its attributes. */
  readonly wantsAttributes: boolean;
  readonly isAutoConfirmed: boolean;
  /** What it is to do next: first let go of what is being cancelled, then the heaviest, then the oldest. */
  readonly openAction: { readonly id: number; readonly status: ActionStatus } | undefined;
  /** The action that installed something last. */
  readonly installedActionId: number | undefined;
}

export interface DeviceLookup {
  /** In one statement. @returns undefined: no such tenant; without `device`: no such device of it */
  find(tenantName: string, controllerId: string): Promise<FoundDevice | undefined>;
}

export interface FoundDevice {
  readonly tenant: Tenant;
  readonly device: KnownDevice | undefined;
}

interface Row {
  readonly tenant_id: number;
  readonly device_id: number | null;
  readonly token_hash: string | null;
  readonly wants_attributes: Flag;
  readonly is_auto_confirmed: Flag;
  readonly action_id: number | null;
  readonly action_status: ActionStatus;
  readonly installed_action_id: number | null;
}

/** The statement of the hottest path of a server, so it is compiled once. */
export function openDeviceLookup({ sql: db }: Pick<Database, 'sql'>): DeviceLookup {
  // An action whose set was invalidated or withdrawn is not offered any more, only its end. One of a rollout that is paused is
  // not offered as long as the device has not begun with it.
  const statement = sql<Row>`
    select t.id as tenant_id, d.id as device_id, d.token_hash, d.wants_attributes, d.is_auto_confirmed,
      a.id as action_id, a.status as action_status,
      (select max(f.id) from action f where f.device_id = d.id and f.is_active = 0 and f.status = 'finished')
        as installed_action_id
    from tenant t
    left join device d on d.tenant_id = t.id and d.controller_id = ${''}
    left join action a on a.id = (
      select o.id from action o join distribution_set s on s.id = o.set_id
      where o.device_id = d.id and o.is_active = 1 and (o.status = 'canceling' or (s.invalidated_at is null
        and not exists (select 1 from release r where r.set_id = o.set_id and r.yanked_at is not null)
        and (o.device_reported_at is not null or o.rollout_id is null
          or not exists (select 1 from rollout p where p.id = o.rollout_id and p.status = 'paused'))))
      order by case when o.status = 'canceling' then 0 else 1 end, coalesce(o.weight, 1000) desc, o.id limit 1)
    where t.name = ${''}`.compile(db);
  return {
    async find(tenantName, controllerId) {
      const query: CompiledQuery<Row> = { ...statement, parameters: [controllerId, tenantName] };
      const [row] = (await db.executeQuery(query)).rows;
      if (row === undefined) return undefined;
      return { tenant: { id: row.tenant_id, name: tenantName }, device: deviceOf(row) };
    },
  };
}

function deviceOf(row: Row): KnownDevice | undefined {
  if (row.device_id === null) return undefined;
  return {
    id: row.device_id,
    tokenHash: row.token_hash,
    wantsAttributes: row.wants_attributes === 1,
    isAutoConfirmed: row.is_auto_confirmed === 1,
    openAction: row.action_id === null ? undefined : { id: row.action_id, status: row.action_status },
    installedActionId: row.installed_action_id ?? undefined,
  };
}

import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { output } from 'zod/mini';
import type { DeviceParts, measurementRequest } from '../../wire/measurements.js';
import type { ServerContext } from '../context.js';
import { fiqlCondition } from '../devices/fiql-condition.js';

/** Devices whose messages are read at most; of more a part is drawn. */
const MAX_DEVICES = 10_000;
const HASHES = 2 ** 32;

export interface Choice {
  readonly server: ServerContext;
  readonly tenantId: number;
  readonly request: Pick<output<typeof measurementRequest>, 'where' | 'among' | 'outside' | 'installedSetId'>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface ChosenDevices {
  readonly total: number;
  /** All of them, or a part that depends on nothing that they have in common. */
  readonly devices: readonly { readonly name: string; readonly installedAt: number | null }[];
}

/** @throws OtaError USAGE, LIMIT_EXCEEDED: the filter cannot be understood */
export async function chosenDevices(choice: Choice): Promise<ChosenDevices> {
  const matching = await matchingDevices(choice);
  const { total } = await matching.select(sql<number>`count(*)`.as('total')).executeTakeFirstOrThrow();
  // Knuth's multiplicative hash: neighbours by number, which came together, are far from each other.
  const share = Math.floor((HASHES * MAX_DEVICES) / Math.max(total, 1));
  const drawn =
    total <= MAX_DEVICES
      ? matching
      : matching.where(sql<SqlBool>`(device.id * 2654435761) % ${sql.lit(HASHES)} < ${share}`);
  const rows = await drawn
    .select(['controller_id', 'installed_at'])
    .limit(2 * MAX_DEVICES)
    .execute();
  return { total, devices: rows.map((row) => ({ name: row.controller_id, installedAt: row.installed_at })) };
}

export async function countOffline(choice: Choice): Promise<{ total: number; offline: number }> {
  const matching = await matchingDevices(choice);
  const counted = await matching
    .select([sql<number>`count(*)`.as('total'), sql<number | null>`sum(1 - is_online)`.as('offline')])
    .executeTakeFirstOrThrow();
  return { total: counted.total, offline: Number(counted.offline ?? 0) };
}

async function matchingDevices({ server, tenantId, request, now }: Choice) {
  const { where, among, outside, installedSetId } = request;
  const settings = await server.tenantSettings.of(tenantId);
  const conditions: Expression<SqlBool>[] = [
    ...(where === '' ? [] : [fiqlCondition(where, { tenantId, settings, now })]),
    ...(among === undefined ? [] : [inAnyOf(among, tenantId)]),
    ...(outside === undefined ? [] : [sql<SqlBool>`not ${inAnyOf(outside, tenantId)}`]),
    ...(installedSetId === undefined ? [] : [sql<SqlBool>`device.installed_set_id = ${installedSetId}`]),
  ];
  return conditions.reduce(
    (query, condition) => query.where(condition),
    server.database.sql.selectFrom('device').where('device.tenant_id', '=', tenantId),
  );
}

/** What there is not, or what another tenant has, has no devices. */
function inAnyOf({ rollouts, tags }: DeviceParts, tenantId: number): RawBuilder<SqlBool> {
  const members = [
    ...(rollouts.length === 0
      ? []
      : [
          sql<SqlBool>`exists (select 1 from rollout_device where rollout_device.device_id = device.id
            and rollout_device.tenant_id = ${tenantId} and rollout_device.rollout_id in (${sql.join(rollouts.map((id) => sql.lit(id)))}))`,
        ]),
    ...(tags.length === 0
      ? []
      : [
          sql<SqlBool>`exists (select 1 from device_tag join tag on tag.id = device_tag.tag_id
            where device_tag.device_id = device.id and tag.tenant_id = ${tenantId} and tag.name in (${sql.join(tags)}))`,
        ]),
  ];
  return members.length === 0 ? sql<SqlBool>`(1 = 0)` : sql<SqlBool>`(${sql.join(members, sql` or `)})`;
}

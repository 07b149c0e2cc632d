import { type Selectable, sql } from 'kysely';
import { FieldTable } from '../../query/fields.js';
import { allOf, anyOf, compare, type Filter } from '../../query/filter.js';
import { foldCase } from '../../query/text-order.js';
import { ACTION_STATUSES } from '../actions/action-status.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import type { EntityFields } from './entity-page.js';
import { type LinkMaker, pathPart } from './links.js';

export interface ActionRow extends Selectable<Schema['action']> {
  readonly controller_id: string;
  readonly device_name: string;
  readonly set_name: string;
  readonly set_version: string;
  readonly rollout_name: string | null;
}

/** Actions with the names of what they concern. */
export function actionsOf(db: Queryable, tenantId: number) {
  return db
    .selectFrom('action')
    .innerJoin('device', 'device.id', 'action.device_id')
    .innerJoin('distribution_set', 'distribution_set.id', 'action.set_id')
    .leftJoin('rollout', 'rollout.id', 'action.rollout_id')
    .leftJoin('rollout_group', 'rollout_group.id', 'action.rollout_group_id')
    .selectAll('action')
    .select([
      'device.controller_id',
      'device.name as device_name',
      'distribution_set.name as set_name',
      'distribution_set.version as set_version',
      'rollout.name as rollout_name',
    ])
    .where('action.tenant_id', '=', tenantId);
}

/** What actions can be filtered and sorted by: hawkBit's names, those before 0.10 too. */
export const ACTION_FIELDS: EntityFields = {
  table: new FieldTable('an action', {
    id: { type: 'number' },
    active: { type: 'boolean' },
    status: {
      type: 'enumeration',
      values: ACTION_STATUSES.map((status) => status.toUpperCase()),
      aliases: ['detailStatus'],
    },
    lastStatusCode: { type: 'number' },
    weight: { type: 'number' },
    createdAt: { type: 'number' },
    createdBy: { type: 'text' },
    lastModifiedAt: { type: 'number' },
    'target.controllerId': { type: 'text' },
    'target.name': { type: 'text' },
    'target.group': { type: 'text' },
    'target.updateStatus': { type: 'enumeration', values: ['UNKNOWN', 'IN_SYNC', 'PENDING', 'ERROR', 'REGISTERED'] },
    'distributionSet.id': { type: 'number' },
    'distributionSet.name': { type: 'text' },
    'distributionSet.version': { type: 'text' },
    'rollout.id': { type: 'number' },
    'rollout.name': { type: 'text' },
    'rolloutGroup.id': { type: 'number' },
    'rolloutGroup.name': { type: 'text' },
  }),
  columns: {
    id: sql.ref('action.id'),
    active: sql.ref('action.is_active'),
    status: sql.ref('action.status'),
    lastStatusCode: sql.ref('action.last_status_code'),
    weight: sql.ref('action.weight'),
    createdAt: sql.ref('action.created_at'),
    createdBy: sql.ref('action.created_by'),
    lastModifiedAt: sql.ref('action.updated_at'),
    'target.controllerId': sql.ref('device.controller_id'),
    'target.name': sql.ref('device.name'),
    'target.group': sql.ref('device.group_name'),
    'target.updateStatus': sql.ref('device.update_status'),
    'distributionSet.id': sql.ref('action.set_id'),
    'distributionSet.name': sql.ref('distribution_set.name'),
    'distributionSet.version': sql.ref('distribution_set.version'),
    'rollout.id': sql.ref('action.rollout_id'),
    'rollout.name': sql.ref('rollout.name'),
    'rolloutGroup.id': sql.ref('action.rollout_group_id'),
    'rolloutGroup.name': sql.ref('rollout_group.name'),
  },
  translate: withoutPending,
};

/** Before 0.10 `status==pending` said that an action is active; no status has that name. */
function withoutPending(filter: Filter): Filter {
  if (filter.kind === 'and' || filter.kind === 'or') {
    const [first, second, ...rest] = filter.filters.map(withoutPending);
    const all = [first!, second!, ...rest] as const;
    return filter.kind === 'and' ? allOf(all) : anyOf(all);
  }
  if (filter.kind !== 'compare' || foldCase(filter.field) !== 'status') return filter;
  const isPending = filter.values.length === 1 && foldCase(filter.values[0]) === 'pending';
  return isPending ? compare('active', filter.operator, 'true') : filter;
}

/** An action as hawkBit writes it. */
export function actionBody(action: ActionRow, link: LinkMaker, { isFull }: { isFull: boolean }): object {
  const target = `/targets/${pathPart(action.controller_id)}`;
  const path = `${target}/actions/${action.id}`;
  const isWithdrawn = action.status === 'canceling' || action.status === 'canceled';
  return {
    createdBy: action.created_by,
    createdAt: action.created_at,
    lastModifiedBy: action.created_by,
    lastModifiedAt: action.updated_at,
    type: isWithdrawn ? 'cancel' : 'update',
    status: action.status,
    detailStatus: action.status,
    active: action.is_active === 1,
    forceType: action.type,
    ...(action.forced_at !== null && { forceTime: action.forced_at }),
    ...(action.weight !== null && { weight: action.weight }),
    ...(action.maintenance_schedule !== null && {
      maintenanceWindow: {
        schedule: action.maintenance_schedule,
        duration: action.maintenance_duration,
        timezone: action.maintenance_time_zone,
      },
    }),
    ...(action.rollout_id !== null && { rollout: action.rollout_id, rolloutName: action.rollout_name }),
    ...(action.last_status_code !== null && { lastStatusCode: action.last_status_code }),
    id: action.id,
    _links: {
      self: link(path),
      ...(isFull && {
        ...(isWithdrawn && { canceledaction: link(path) }),
        target: link(target, action.device_name),
        distributionset: link(`/distributionsets/${action.set_id}`, `${action.set_name}:${action.set_version}`),
        status: link(`${path}/status?offset=0&limit=50&sort=id:DESC`),
        ...(action.rollout_id !== null && {
          rollout: link(`/rollouts/${action.rollout_id}`, action.rollout_name ?? undefined),
        }),
      }),
    },
  };
}

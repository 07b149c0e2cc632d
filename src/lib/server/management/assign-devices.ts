import type { Transaction } from 'kysely';
import type { ManagementSetAssignment } from '../../wire/management.js';
import type { OperatorPrincipal } from '../access/principal.js';
import type { TenantSettings } from '../access/tenant-settings.js';
import { type Assigned, assignSet } from '../actions/assign-set.js';
import { recordInstalled } from '../actions/record-installed.js';
import type { Schema } from '../database/schema.js';
import type { Call } from '../http/route.js';
import { badRequest } from '../http/server-failure.js';
import type { LinkMaker } from './links.js';

export interface AssignOptions {
  readonly tenantId: number;
  readonly settings: TenantSettings;
  readonly actor: string;
  /** The devices have it already: it is only written down. */
  readonly isOffline: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Who asks, for whom, and how: the same for both ways of asking. */
export async function assignOptions({
  server,
  tenant,
  principal,
  query,
  now,
}: Pick<
  Call<OperatorPrincipal, unknown, { offline?: 'true' | 'false' | undefined }, unknown>,
  'server' | 'tenant' | 'principal' | 'query' | 'now'
>): Promise<AssignOptions> {
  const settings = await server.tenantSettings.of(tenant.id);
  return { tenantId: tenant.id, settings, actor: principal.name, isOffline: query.offline === 'true', now };
}

/**
 * Gives devices a set as a body of hawkBit's asks for it.
 *
 * @throws ServerFailure those of `assignSet`, and 400 for `timeforced` without a time
 */
export async function assignAsAsked(
  tx: Transaction<Schema>,
  { id: setId, ...asked }: ManagementSetAssignment,
  deviceIds: readonly number[],
  { tenantId, settings, actor, isOffline, now }: AssignOptions,
): Promise<Assigned> {
  if (isOffline) {
    const recorded = await recordInstalled(tx, { tenantId, deviceIds, setId, actor, now });
    const assigned = recorded.actions.length;
    return { ...recorded, assigned, alreadyAssigned: deviceIds.length - assigned };
  }
  const { type = 'forced', forcetime, weight, maintenanceWindow } = asked;
  if (type === 'timeforced' && forcetime === undefined) {
    throw badRequest('type is timeforced, but forcetime is missing');
  }
  return assignSet(tx, {
    ...{ tenantId, deviceIds, setId, type, forcedAt: forcetime, weight, actor, now },
    ...(maintenanceWindow && { maintenance: maintenanceWindow }),
    confirmationRequired: asked.confirmationRequired ?? settings['user.confirmation.flow.enabled'],
  });
}

/** What came of it, as hawkBit writes it. @param nameOf a device's controllerId by its number */
export function assignmentBody(results: readonly Assigned[], nameOf: (id: number) => string, link: LinkMaker): object {
  const actions = results.flatMap((result) => result.actions);
  const alreadyAssigned = results.reduce((sum, result) => sum + result.alreadyAssigned, 0);
  return {
    alreadyAssigned,
    assignedActions: actions.map(({ id, deviceId }) => ({
      id,
      _links: { self: link(`/targets/${encodeURIComponent(nameOf(deviceId))}/actions/${id}`) },
    })),
    assigned: actions.length,
    total: actions.length + alreadyAssigned,
  };
}

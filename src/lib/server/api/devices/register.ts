import { escapeText } from '../../../core/text.js';
import type { NewDeviceJson, Registered, RegisterOutcome } from '../../../wire/devices.js';
import type { OperatorPrincipal } from '../../access/principal.js';
import { audit } from '../../audit/audit.js';
import type { ServerContext } from '../../context.js';
import { type RegisteredDevices, registerDevices } from '../../devices/register-devices.js';
import { conflict } from '../../http/server-failure.js';
import { auditedDevices } from './device-audit.js';

interface Asked {
  readonly server: ServerContext;
  readonly principal: OperatorPrincipal;
  readonly now: number;
}

export interface RegisterQuery {
  readonly update: boolean;
  readonly partial: boolean;
  readonly dryRun: boolean;
}

/** Undoes what was only tried. */
class DryRun extends Error {
  readonly result: RegisteredDevices;

  constructor(result: RegisteredDevices) {
    super('a dry run');
    this.result = result;
  }
}

/**
 * Registers devices in one transaction. A dry run does the same, and undoes it.
 *
 * @throws ServerFailure 409: there are conflicts, and `partial` was not asked for
 */
export async function register(
  { server, principal, now }: Asked,
  devices: readonly NewDeviceJson[],
  { update, partial, dryRun }: RegisterQuery,
): Promise<Registered> {
  const { tenant, name: actor } = principal;
  const wanted = devices.map(({ id, token, ...rest }) => ({ ...rest, controllerId: id, securityToken: token }));
  const work = server.database.transaction(async (tx) => {
    const result = await registerDevices(tx, wanted, {
      tenantId: tenant.id,
      registeredBy: actor,
      now,
      known: update ? 'update' : 'conflict',
    });
    if (dryRun) throw new DryRun(result);
    if (!partial) refuseConflicts(result);
    const created = namesOf(result, 'created');
    const updated = namesOf(result, 'updated');
    for (const [names, one, many] of [
      [created, 'device.created', 'devices.created'],
      [updated, 'device.changed', 'devices.changed'],
    ] as const) {
      if (names.length === 0) continue;
      await audit(tx, {
        tenantId: tenant.id,
        actor,
        action: names.length === 1 ? one : many,
        object: names.length === 1 ? `device:${names[0]}` : 'devices',
        detail: names.length === 1 ? {} : auditedDevices(names),
        now,
      });
    }
    await server.events.append(tx, result.events);
    return result;
  });
  const result = await work.catch((error: unknown) => {
    if (error instanceof DryRun) return error.result;
    throw error;
  });
  return {
    isDryRun: dryRun,
    created: namesOf(result, 'created').length,
    updated: namesOf(result, 'updated').length,
    conflicts: namesOf(result, 'conflict').length,
    devices: result.devices.map(({ controllerId, outcome, token }) => ({
      id: controllerId,
      outcome,
      ...(token !== undefined && !dryRun && { token }),
    })),
  };
}

function namesOf({ devices }: RegisteredDevices, outcome: RegisterOutcome): string[] {
  return devices.filter((device) => device.outcome === outcome).map(({ controllerId }) => controllerId);
}

function refuseConflicts(result: RegisteredDevices): void {
  const [first, ...others] = namesOf(result, 'conflict');
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and so are ${others.length} others`;
  throw conflict(`the device "${escapeText(first)}" is known already or stands there twice${more}`, [
    'Nothing was registered: with update=true known devices are changed, with partial=true only they are left out.',
  ]);
}

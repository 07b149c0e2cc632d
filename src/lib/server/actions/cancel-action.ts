import type { Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { lockActiveActions } from './locked-action.js';
import { moveAction } from './move-action.js';

export interface CancelOptions {
  readonly tenantId: number;
  /** Who wants it. */
  readonly actor: string;
  /** A sentence for the history. */
  readonly reason?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Asks a device to let go of an action, or, by force, does not ask any longer: hawkBit allows force only for an action
 * that was cancelled before.
 *
 * @returns events for `EventLog.append`
 * @throws ServerFailure 404; 405 when the action has ended, is being cancelled already, or was not yet when forced
 */
export async function cancelAction(
  tx: Transaction<Schema>,
  { actionId, isForced, ...options }: CancelOptions & { actionId: number; isForced: boolean },
): Promise<NewEvent[]> {
  const [action] = await lockActiveActions(tx, { ...options, actionIds: [actionId] });
  if (action === undefined) {
    const known = await tx
      .selectFrom('action')
      .select('status')
      .where('id', '=', actionId)
      .where('tenant_id', '=', options.tenantId)
      .executeTakeFirst();
    if (known === undefined) throw notFound(`action ${actionId}`);
    throw notCancelable(actionId, `it has ended already: ${known.status}`);
  }
  const events = await moveAction(tx, action, { kind: isForced ? 'force-cancel' : 'cancel' }, said(isForced, options));
  if (events !== undefined) return events;
  throw notCancelable(
    actionId,
    isForced ? 'only an action that is being cancelled can be cancelled by force' : 'it is being cancelled already',
  );
}

/**
 * Cancels all of these that are still active and not yet being cancelled; by force also those, and without asking any device.
 *
 * @returns events for `EventLog.append`
 */
export async function cancelActions(
  tx: Transaction<Schema>,
  { actionIds, isForced, ...options }: CancelOptions & { actionIds: readonly number[]; isForced: boolean },
): Promise<NewEvent[]> {
  const events: NewEvent[] = [];
  for (const action of await lockActiveActions(tx, { ...options, actionIds })) {
    const softly = await moveAction(tx, action, { kind: 'cancel' }, said(false, options));
    events.push(...(softly ?? []));
    if (!isForced) continue;
    const canceling = { ...action, status: 'canceling' } as const;
    events.push(...((await moveAction(tx, canceling, { kind: 'force-cancel' }, said(true, options))) ?? []));
  }
  return events;
}

function said(isForced: boolean, { actor, reason, now }: CancelOptions) {
  const message = `${actor} cancelled it${isForced ? ' without asking the device' : ''}.`;
  return { messages: reason === undefined ? [message] : [message, reason], now };
}

function notCancelable(actionId: number, why: string): ServerFailure {
  return new ServerFailure(405, 'NOT_CANCELABLE', `action ${actionId} cannot be cancelled: ${why}`);
}

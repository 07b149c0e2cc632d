import { actionStatusAnswer, pageOf } from '../../wire/management-answers.js';
import type { ProgressOptions } from '../driver.js';
import { eachOf } from './each-of.js';
import { type HawkbitServer, isRefusedAs } from './hawkbit-server.js';
import { countOf } from './pages.js';
import { type PortionAction, portionActions } from './portion-actions.js';
import { isRollout, type PortionRef } from './portion-ref.js';

/** Reports are asked for one by one; of more devices than that the time of their last other status is believed. */
const MOST_ASKED = 500;
const AT_ONCE = 8;

/**
 * How many of a portion's devices are on their way and silent for too long. Where the server tells each report, one
 * request; otherwise pages of what is active, and the reports of those that look silent.
 */
export async function countStuck(
  server: HawkbitServer,
  ref: PortionRef,
  options: ProgressOptions,
  signal?: AbortSignal,
): Promise<number> {
  if (!Number.isFinite(options.silentForMs)) return 0;
  if (server.tellsEachReport && isRollout(ref)) {
    const since = Math.floor(options.now - options.silentForMs);
    const q = `rollout.id==${ref.rollout.id};active==true;lastModifiedAt=lt=${Math.max(0, since)}`;
    return countOf(server.client, '/rest/v1/actions', { q, signal });
  }
  const active: PortionAction[] = [];
  for await (const page of portionActions(server, ref, { choice: 'active', signal })) active.push(...page);
  return (await stuckAmong(server, active, options, signal)).size;
}

/** Numbers of the actions whose device is silent for too long. */
export async function stuckAmong(
  server: HawkbitServer,
  actions: readonly PortionAction[],
  { silentForMs, now }: ProgressOptions,
  signal?: AbortSignal,
): Promise<ReadonlySet<number>> {
  const isSilent = (at: number | null) => at !== null && now - at > silentForMs;
  const silent = actions.filter(({ state, changedAt }) => state === 'active' && isSilent(changedAt));
  const stuck = new Set(silent.map(({ id }) => id));
  if (server.tellsEachReport) return stuck;
  // The longest silent ones last: of them it is least in doubt.
  const doubtful = silent.sort((one, other) => (other.changedAt ?? 0) - (one.changedAt ?? 0)).slice(0, MOST_ASKED);
  await eachOf(doubtful, AT_ONCE, async ({ id, device }) => {
    const { at } = await lastReport(server, { id, device }, signal);
    if (!isSilent(at)) stuck.delete(id);
  });
  return stuck;
}

/** What was reported last. @returns a device that is gone has nothing to say any more */
export async function lastReport(
  { client }: HawkbitServer,
  { id, device }: Pick<PortionAction, 'id' | 'device'>,
  signal?: AbortSignal,
): Promise<{ at: number | null; message: string }> {
  const path = `/rest/v1/targets/${encodeURIComponent(device)}/actions/${id}/status`;
  const query = { sort: 'id:DESC', limit: 1 };
  try {
    const { content } = await client.call('GET', path, { query, answer: pageOf(actionStatusAnswer), signal });
    const { reportedAt = null, messages } = content[0] ?? {};
    return { at: reportedAt, message: (messages ?? []).join('; ') };
  } catch (error) {
    if (!isRefusedAs(error, 'NOT_FOUND')) throw error;
    return { at: null, message: '' };
  }
}

import { OtaError } from '../../core/errors.js';
import { type HawkbitServer, isRefusedAs } from './hawkbit-server.js';
import { targetNames } from './pages.js';
import { isRollout, type PortionRef } from './portion-ref.js';
import { alreadyTag } from './prepare-portion.js';
import { BEGUN, doToRollout, readRollout } from './rollouts.js';
import { findTag, markTag, removeTag, taggedDevices } from './tags.js';

/** Devices of one request. */
const CHUNK = 500;

/**
 * Gives a portion to its devices; what was given is not given again.
 *
 * @throws OtaError NOT_FOUND: the server has forgotten it; CONFLICT: it is not ready, or was stopped
 */
export async function startPortion(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  const { client } = server;
  if (!isRollout(ref)) return assignInWindow(server, ref, signal);
  const { status, totalTargets } = await readRollout(client, ref.rollout.id, signal);
  if (BEGUN.has(status)) return;
  // Somebody tagged others before the server chose the devices.
  if ((totalTargets ?? 0) > ref.devices) {
    throw new OtaError('CONFLICT', `the rollout ${ref.name} is for ${totalTargets} devices, expected ${ref.devices}`, [
      'Remove the rollout at the server, and its tag from the other devices.',
    ]);
  }
  try {
    await doToRollout(client, ref.rollout.id, 'start', signal);
  } catch (error) {
    // Somebody was faster, or the answer to an earlier try was lost.
    const now = await readRollout(client, ref.rollout.id, signal);
    if (BEGUN.has(now.status)) return;
    if (!isRefusedAs(error, 'USAGE') || now.status === 'ready') throw error;
    throw new OtaError('CONFLICT', `the rollout ${ref.name} is ${now.status}, expected ready`, [
      now.status === 'waiting_for_approval'
        ? 'Somebody has to approve it at the server.'
        : 'Wait until the server has made it.',
    ]);
  }
}

async function assignInWindow({ client }: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  const names: string[] = [];
  for await (const page of targetNames(client, taggedDevices(ref.tag), { signal })) names.push(...page);
  for (let from = 0; from < names.length; from += CHUNK) {
    const { schedule, duration, timezone } = ref.window!;
    const maintenanceWindow = { schedule, duration, timezone };
    const json = names.slice(from, from + CHUNK).map((id) => ({ id, type: 'forced', maintenanceWindow }));
    // Who has it, or is on the way to it, is not given it again.
    const path = `/rest/v1/distributionsets/${ref.set}/assignedTargets`;
    await client.call('POST', path, { json, isIdempotent: true, signal });
  }
  await markTag(client, { id: ref.tag, name: ref.name }, 'started', signal);
}

/** Gives it to no further device for now. Devices of a window portion have all been given it. */
export async function pausePortion(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  const { client } = server;
  if (!isRollout(ref)) return;
  const { status } = await readRollout(client, ref.rollout.id, signal);
  if (status !== 'running') return;
  try {
    await doToRollout(client, ref.rollout.id, 'pause', signal);
  } catch (error) {
    // It has ended meanwhile, or was paused by somebody else.
    if ((await readRollout(client, ref.rollout.id, signal)).status === 'running') throw error;
  }
}

/** Lets a portion go on that the server has paused. */
export async function resumePortion(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  const { client } = server;
  if (!isRollout(ref)) return;
  const { status } = await readRollout(client, ref.rollout.id, signal);
  if (status !== 'paused') return;
  try {
    await doToRollout(client, ref.rollout.id, 'resume', signal);
  } catch (error) {
    if ((await readRollout(client, ref.rollout.id, signal)).status === 'paused') throw error;
  }
}

/** Removes the tags; the rollout and what devices did stay. */
export async function forgetPortion(server: HawkbitServer, ref: PortionRef, signal?: AbortSignal): Promise<void> {
  const { client, tellsEachReport } = server;
  await removeTag(client, ref.tag, signal);
  const already = tellsEachReport ? undefined : await findTag(client, alreadyTag(ref.name), signal);
  if (already !== undefined) await removeTag(client, already.id, signal);
}

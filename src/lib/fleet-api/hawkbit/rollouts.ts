import { OtaError } from '../../core/errors.js';
import { type RolloutAnswer, rolloutAnswer } from '../../wire/management-answers.js';
import type { FleetClient } from '../fleet-client.js';

export const ROLLOUTS = '/rest/v1/rollouts';

/** It has given its devices something, or will by itself. */
export const BEGUN: ReadonlySet<string> = new Set([
  ...['starting', 'running', 'paused', 'stopping', 'stopped', 'finished'],
]);

/** @throws OtaError NOT_FOUND: the server has forgotten it, or is about to */
export async function readRollout(client: FleetClient, id: number, signal?: AbortSignal): Promise<RolloutAnswer> {
  const rollout = await client.call('GET', `${ROLLOUTS}/${id}`, { answer: rolloutAnswer, signal });
  const status = rollout.status.toLowerCase();
  if (status !== 'deleting' && status !== 'deleted') return { ...rollout, status };
  throw new OtaError('NOT_FOUND', `the rollout ${rollout.name} was deleted at ${client.server}`, [
    'Somebody removed it there: `ota rollout status` shows how far it went.',
  ]);
}

export async function doToRollout(client: FleetClient, id: number, verb: string, signal?: AbortSignal): Promise<void> {
  await client.call('POST', `${ROLLOUTS}/${id}/${verb}`, { signal });
}

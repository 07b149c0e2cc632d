import * as z from 'zod/mini';
import { OtaError } from '../../core/errors.js';
import { pageOf, type TagAnswer, tagAnswer } from '../../wire/management-answers.js';
import type { FleetClient } from '../fleet-client.js';
import { type HawkbitServer, isRefusedAs, quoted } from './hawkbit-server.js';
import { countOf, targetNames } from './pages.js';

const TAGS = '/rest/v1/targettags';
/** Devices of one request: a body of 150 KB. */
const CHUNK = 1_000;
/** Of one filter, which stands in an address. */
const NAMES_IN_FILTER = 25;
const TRIES = 3;

export const taggedDevices = (tagId: number): string => `${TAGS}/${tagId}/assigned`;

export async function findTag(client: FleetClient, name: string, signal?: AbortSignal): Promise<TagAnswer | undefined> {
  const query = { q: `name==${quoted(name)}`, limit: 2 };
  const { content } = await client.call('GET', TAGS, { query, answer: pageOf(tagAnswer), signal });
  return content.find((tag) => tag.name === name);
}

/** The tag of this name, made where there is none. */
export async function ensureTag(
  client: FleetClient,
  { name, description }: { name: string; description: string },
  signal?: AbortSignal,
): Promise<TagAnswer> {
  const known = await findTag(client, name, signal);
  if (known !== undefined) return known;
  const [made] = await client.call('POST', TAGS, {
    json: [{ name, description }],
    answer: z.array(tagAnswer).check(z.minLength(1)),
    signal,
  });
  return made!;
}

/** Gives devices a tag. @returns how many have it: those that the server knows */
export async function tagDevices(
  server: HawkbitServer,
  tag: TagAnswer,
  devices: readonly string[],
  signal?: AbortSignal,
): Promise<number> {
  let tagged = 0;
  for (let from = 0; from < devices.length; from += CHUNK) {
    tagged += await tagChunk(server, tag, devices.slice(from, from + CHUNK), signal);
  }
  return tagged;
}

async function tagChunk(
  server: HawkbitServer,
  { id }: TagAnswer,
  devices: readonly string[],
  signal?: AbortSignal,
): Promise<number> {
  let json = devices;
  for (let tries = 1; json.length > 0; tries++) {
    try {
      await tellTagged(server, id, json, signal);
      break;
    } catch (error) {
      // One that is not known, and nobody is tagged. They may go on to be removed while it is asked who is there.
      if (!isRefusedAs(error, 'NOT_FOUND') || tries === TRIES) throw error;
      json = await knownAmong(server.client, json, signal);
    }
  }
  return json.length;
}

/** From the newest version of hawkBit back. Who has a tag keeps it, so each may be asked again. */
const WAYS = [
  { method: 'PUT', bodyOf: (names: readonly string[]): unknown => names },
  { method: 'POST', bodyOf: (names: readonly string[]): unknown => names },
  { method: 'POST', bodyOf: (names: readonly string[]): unknown => names.map((controllerId) => ({ controllerId })) },
] as const;

async function tellTagged(
  { client, tagging }: HawkbitServer,
  tagId: number,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (; ; tagging.way++) {
    const { method, bodyOf } = WAYS[tagging.way]!;
    try {
      await client.call(method, taggedDevices(tagId), { json: bodyOf(names), isIdempotent: true, signal });
      return;
    } catch (error) {
      if (!isRefusedAs(error, 'USAGE') || tagging.way === WAYS.length - 1) throw error;
    }
  }
}

async function knownAmong(client: FleetClient, devices: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const known = new Set<string>();
  for (let from = 0; from < devices.length; from += NAMES_IN_FILTER) {
    const names = devices.slice(from, from + NAMES_IN_FILTER);
    const q = `controllerId=in=(${names.map(quoted).join(',')})`;
    for await (const page of targetNames(client, '/rest/v1/targets', { q, signal }))
      for (const name of page) known.add(name);
  }
  return devices.filter((device) => known.has(device));
}

/** @throws OtaError CONFLICT: other devices have a tag, too, and would be updated with those that are meant */
export async function refuseOthers(
  client: FleetClient,
  tag: TagAnswer,
  devices: number,
  signal?: AbortSignal,
): Promise<void> {
  const tagged = await countOf(client, taggedDevices(tag.id), { signal });
  if (tagged <= devices) return;
  throw new OtaError('CONFLICT', `the tag ${tag.name} is on ${tagged} devices, expected at most ${devices}`, [
    'Somebody else uses this tag: remove it there, or take another name.',
  ]);
}

/** How far a portion was taken, where nothing else at the server tells it. */
export type Mark = 'started' | 'stopped';

/** It stands at the end of its tag's description: people see it, too. */
export async function markTag(
  client: FleetClient,
  { id, name }: { id: number; name: string },
  mark: Mark,
  signal?: AbortSignal,
): Promise<void> {
  const { description } = await client.call('GET', `${TAGS}/${id}`, { answer: tagAnswer, signal });
  const json = { name, description: `${(description ?? '').replace(MARK, '')} [${mark}]`.trim() };
  await client.call('PUT', `${TAGS}/${id}`, { json, signal });
}

const MARK = / ?\[(started|stopped)\]$/;

/** @throws OtaError NOT_FOUND: the tag is gone */
export async function markOf(client: FleetClient, tagId: number, signal?: AbortSignal): Promise<Mark | undefined> {
  const { description } = await client.call('GET', `${TAGS}/${tagId}`, { answer: tagAnswer, signal });
  return MARK.exec(description ?? '')?.[1] as Mark | undefined;
}

export async function removeTag(client: FleetClient, id: number, signal?: AbortSignal): Promise<void> {
  try {
    await client.call('DELETE', `${TAGS}/${id}`, { signal });
  } catch (error) {
    if (!isRefusedAs(error, 'NOT_FOUND')) throw error;
  }
}

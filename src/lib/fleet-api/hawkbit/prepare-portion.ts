import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { actionAnswer, groupAnswer, pageOf, type RolloutAnswer, rolloutAnswer } from '../../wire/management-answers.js';
import type { DriverPortion } from '../driver.js';
import type { FleetClient } from '../fleet-client.js';
import { type HawkbitServer, isRefusedAs, quoted } from './hawkbit-server.js';
import { countOf, targetNames } from './pages.js';
import { type PortionRef, writeRef } from './portion-ref.js';
import { ROLLOUTS, readRollout } from './rollouts.js';
import { ensureTag, findTag, refuseOthers, tagDevices, taggedDevices } from './tags.js';

/** As long as hawkBit takes. */
const MAX_DESCRIPTION = 480;

/**
 * Makes a portion known: a tag on its devices, then a rollout of all that have the tag, in one group. Its rollout is made
 * last, so where that stands, nothing is missing. With a maintenance window, which rollouts do not know, the tag alone.
 *
 * @throws OtaError NOT_FOUND: the set is no longer known; CONFLICT: something else has its name
 */
export async function preparePortion(
  server: HawkbitServer,
  portion: DriverPortion,
  signal?: AbortSignal,
): Promise<string> {
  const { client } = server;
  const { name, software } = portion;
  const set = setIdOf(portion);
  const known = portion.window === null ? await findRollout(client, name, signal) : undefined;
  if (known !== undefined) refuseOther(known, portion, set);
  const description = escapeText(portion.description).slice(0, MAX_DESCRIPTION);
  const tag = await ensureTag(client, { name, description }, signal);
  if (known === undefined) {
    const tagged = await tagDevices(server, tag, portion.devices, signal);
    await refuseOthers(client, tag, tagged, signal);
    // Nobody is left whom it could be given, and servers make no rollout for nobody.
    if (tagged === 0) return writeRef({ name, tag: tag.id, set, devices: portion.devices.length, already: 0 });
  }
  const common = { name, tag: tag.id, set, devices: portion.devices.length };
  if (portion.window !== null) {
    await requireSet(client, set, `${software.name} ${software.version}`, signal);
    const after = await newestAction(client, signal);
    const { schedule, duration, timezone } = portion.window;
    return writeRef({ ...common, already: 0, window: { after, schedule, duration, timezone } });
  }
  if (known === undefined && !server.tellsEachReport) await tagAlready(server, common, signal);
  const rollout = known ?? (await makeRollout(client, { portion, description, set }, signal));
  const group = await onlyGroup(client, rollout.id, signal);
  const already = rollout.alreadyAssigned == null ? await countAlready(client, name, signal) : 0;
  return writeRef({ ...common, already, rollout: { id: rollout.id, group } });
}

/** Names the devices that have the set, or are on their way to it, before the portion begins. */
export const alreadyTag = (name: string): string => `${name}.already`;

function setIdOf({ software, name }: DriverPortion): number {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,117}$/.test(name)) {
    throw new OtaError('USAGE', `"${escapeText(name)}" is no name for a portion`);
  }
  if (/^\d{1,15}$/.test(software.id)) return Number(software.id);
  throw new OtaError('USAGE', `"${escapeText(software.id)}" is no distribution set: expected its number`);
}

/** Which devices: tags in filters have another name in some versions. */
const QUERIES = [(name: string) => `tag==${quoted(name)}`, (name: string) => `tags.name==${quoted(name)}`] as const;

async function askForTag<T>(name: string, ask: (query: string) => Promise<T>): Promise<T> {
  try {
    return await ask(QUERIES[0](name));
  } catch (error) {
    if (!isRefusedAs(error, 'USAGE')) throw error;
    return await ask(QUERIES[1](name)).catch((second: unknown) => {
      // What was refused first was not the word for a tag.
      throw isRefusedAs(second, 'USAGE') ? error : second;
    });
  }
}

async function findRollout(
  client: FleetClient,
  name: string,
  signal?: AbortSignal,
): Promise<RolloutAnswer | undefined> {
  const query = { q: `name==${quoted(name)}`, limit: 2 };
  const { content } = await client.call('GET', ROLLOUTS, { query, answer: pageOf(rolloutAnswer), signal });
  const found = content.find((rollout) => rollout.name === name);
  return found === undefined ? undefined : readRollout(client, found.id, signal);
}

function refuseOther(rollout: RolloutAnswer, { name, software }: DriverPortion, set: number): void {
  const isOurs = QUERIES.some((query) => query(name) === rollout.targetFilterQuery);
  if (isOurs && rollout.distributionSetId === set) return;
  const fact = isOurs
    ? `gives distribution set ${rollout.distributionSetId}, expected ${set} (${software.name} ${software.version})`
    : `is for ${rollout.targetFilterQuery ?? 'other devices'}, expected its own tag`;
  throw new OtaError('CONFLICT', `the rollout ${name} is there already and ${escapeText(fact)}`, [
    'Remove it at the server, or take another name.',
  ]);
}

async function makeRollout(
  client: FleetClient,
  { portion, description, set }: { portion: DriverPortion; description: string; set: number },
  signal?: AbortSignal,
): Promise<RolloutAnswer> {
  const { name } = portion;
  const body = (targetFilterQuery: string) => ({
    ...{ name, description, distributionSetId: set, targetFilterQuery, type: 'forced' },
    groups: [
      {
        ...{ name: 'all', targetPercentage: 100 },
        // There is no group after it, so its success starts nothing.
        successCondition: { condition: 'THRESHOLD', expression: '100' },
        successAction: { action: 'PAUSE', expression: '' },
        // Whole numbers only: rounded to the careful side.
        errorCondition: { condition: 'THRESHOLD', expression: String(Math.floor(portion.errorThresholdPercent)) },
        errorAction: { action: 'PAUSE', expression: '' },
      },
    ],
  });
  return askForTag(name, (query) =>
    client.call('POST', ROLLOUTS, { json: body(query), answer: rolloutAnswer, signal }),
  );
}

async function onlyGroup(client: FleetClient, rolloutId: number, signal?: AbortSignal): Promise<number> {
  const path = `${ROLLOUTS}/${rolloutId}/deploygroups`;
  const { content } = await client.call('GET', path, { query: { limit: 2 }, answer: pageOf(groupAnswer), signal });
  const [group] = content;
  if (group !== undefined && content.length === 1) return group.id;
  throw new OtaError('CONFLICT', `rollout ${rolloutId} has ${content.length} groups, expected one`, [
    'Somebody else made it: remove it at the server, or take another name.',
  ]);
}

async function tagAlready(
  server: HawkbitServer,
  { name, set }: Pick<PortionRef, 'name' | 'set'>,
  signal?: AbortSignal,
): Promise<void> {
  const { client } = server;
  const having = `/rest/v1/distributionsets/${set}/assignedTargets`;
  const devices = await askForTag(name, async (q) => {
    const names: string[] = [];
    for await (const page of targetNames(client, having, { q, signal })) names.push(...page);
    return names;
  });
  if (devices.length === 0) return;
  const description = `Had the update before ${name}`;
  const tag = await ensureTag(client, { name: alreadyTag(name), description }, signal);
  await tagDevices(server, tag, devices, signal);
}

async function countAlready(client: FleetClient, name: string, signal?: AbortSignal): Promise<number> {
  const tag = await findTag(client, alreadyTag(name), signal);
  return tag === undefined ? 0 : countOf(client, taggedDevices(tag.id), { signal });
}

async function requireSet(client: FleetClient, set: number, called: string, signal?: AbortSignal): Promise<void> {
  try {
    await client.call('GET', `/rest/v1/distributionsets/${set}`, { signal });
  } catch (error) {
    if (!isRefusedAs(error, 'NOT_FOUND')) throw error;
    throw new OtaError('NOT_FOUND', `${called} is no longer at ${client.server}`, ['Plan again.'], { cause: error });
  }
}

async function newestAction(client: FleetClient, signal?: AbortSignal): Promise<number> {
  const query = { sort: 'id:DESC', limit: 1 };
  const { content } = await client.call('GET', '/rest/v1/actions', { query, answer: pageOf(actionAnswer), signal });
  return content[0]?.id ?? 0;
}

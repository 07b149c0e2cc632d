import type * as z from 'zod/mini';
import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { type ActionAnswer, actionAnswer } from '../../wire/management-answers.js';
import type { ActionWord, HawkbitServer } from './hawkbit-server.js';
import { pagesOf, targetNames } from './pages.js';
import { isRollout, type PortionRef } from './portion-ref.js';
import { taggedDevices } from './tags.js';

/** What a device was told to do for a portion, and how that stands. */
export interface PortionAction {
  readonly id: number;
  readonly device: string;
  readonly state: 'waiting' | 'active' | 'installed' | 'failed' | 'canceled';
  /** Something was last reported of it, as far as its list tells. Milliseconds since 1970; null: unknown. */
  readonly changedAt: number | null;
}

/** Which actions: those that have not ended, or those that ended so. Absent: all. */
export type ActionChoice = 'active' | ActionWord;

/** @throws OtaError NOT_FOUND: the server has forgotten the portion */
export async function* portionActions(
  server: HawkbitServer,
  ref: PortionRef,
  { choice, signal }: { choice?: ActionChoice; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<PortionAction[]> {
  const { client, words } = server;
  const base = isRollout(ref)
    ? `rollout.id==${ref.rollout.id}`
    : `distributionSet.id==${ref.set};id=gt=${ref.window?.after ?? 0}`;
  // Of a set others may have been given it meanwhile.
  const own = isRollout(ref) ? undefined : await taggedNames(server, ref, signal);
  const pages = async (q: string) => {
    const list = pagesOf(client, '/rest/v1/actions', actionAnswer as z.ZodMiniType<ActionAnswer>, {
      ...{ q, sort: 'id:ASC', signal },
      keyOf: ({ id }) => id,
    });
    return { first: await list.next(), rest: list };
  };
  const { first, rest } =
    choice === undefined
      ? await pages(base)
      : await words.asked(({ active, status }) => pages(`${base};${choice === 'active' ? active : status(choice)}`));
  if (first.done === true) return;
  const read = (page: readonly ActionAnswer[]) =>
    page.map((action) => portionAction(action)).filter(({ device }) => own === undefined || own.has(device));
  yield read(first.value);
  for await (const page of rest) yield read(page);
}

export async function taggedNames(
  { client }: HawkbitServer,
  { tag }: PortionRef,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const page of targetNames(client, taggedDevices(tag), { signal }))
    for (const name of page) names.add(name);
  return names;
}

function portionAction({
  id,
  status,
  detailStatus,
  active,
  lastModifiedAt,
  createdAt,
  _links,
}: ActionAnswer): PortionAction {
  const told = status?.toLowerCase();
  const detail = detailStatus?.toLowerCase() ?? told ?? '';
  const isActive = active ?? told === 'pending';
  return {
    ...{ id, device: deviceOf(_links.self.href), changedAt: lastModifiedAt ?? createdAt ?? null },
    state: isActive ? (detail === 'scheduled' ? 'waiting' : 'active') : endOf(detail),
  };
}

function endOf(detail: string): PortionAction['state'] {
  if (detail === 'error') return 'failed';
  return detail === 'canceled' ? 'canceled' : 'installed';
}

/** Its address is `…/targets/NAME/actions/7`. */
function deviceOf(href: string): string {
  const [, name] = /\/targets\/([^/?#]+)\/actions\/\d+/.exec(href) ?? [];
  try {
    if (name !== undefined) return decodeURIComponent(name);
  } catch {
    // Not encoded as addresses are.
  }
  throw new OtaError('HTTP_STATUS', `"${escapeText(href.slice(0, 200))}" is no address of an action of a device`);
}

import * as z from 'zod/mini';
import { OtaError } from '../../core/errors.js';
import { pageOf, targetAnswer } from '../../wire/management-answers.js';
import type { FleetClient } from '../fleet-client.js';

/** hawkBit's most. */
const PAGE = 500;
/** Entries of one list: more than any fleet has. */
const MAX_ENTRIES = 4_000_000;

interface ListQuery {
  /** FIQL. */
  readonly q?: string | undefined;
  readonly sort?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A list of hawkBit's, page by page, each entry once.
 *
 * @param keyOf what tells entries apart
 * @throws OtaError HTTP_STATUS: the pages contradict each other, so that what came is not the list; LIMIT_EXCEEDED
 */
export async function* pagesOf<T extends z.ZodMiniType>(
  client: FleetClient,
  path: string,
  item: T,
  { keyOf, signal, ...query }: ListQuery & { keyOf: (entry: z.output<T>) => string | number },
): AsyncGenerator<z.output<T>[]> {
  const seen = new Set<string | number>();
  const answer = pageOf(item);
  for (let offset = 0; ; ) {
    const { content, total } = await client.call('GET', path, {
      query: { ...query, offset, limit: PAGE },
      answer,
      signal,
    });
    if (content.length === 0) {
      if (total > offset) throw contradicts(client, path, `${total} entries are told, and ${offset} come`);
      return;
    }
    const fresh = content.filter((entry) => !seen.has(keyOf(entry)));
    for (const entry of fresh) seen.add(keyOf(entry));
    // A list that moves while it is read repeats some entries, never a whole page.
    if (fresh.length === 0) throw contradicts(client, path, 'the same page comes again and again');
    if (seen.size > MAX_ENTRIES) {
      throw new OtaError('LIMIT_EXCEEDED', `${client.server}${path}: more than ${MAX_ENTRIES} entries come`);
    }
    yield fresh;
    offset += content.length;
    if (offset >= total) return;
  }
}

/** How long a list is. */
export async function countOf(
  client: FleetClient,
  path: string,
  { q, signal }: Pick<ListQuery, 'q' | 'signal'> = {},
): Promise<number> {
  const { total } = await client.call('GET', path, { query: { q, limit: 1 }, answer: COUNTED, signal });
  return total;
}

/** Names of devices. */
export async function* targetNames(client: FleetClient, path: string, query: ListQuery): AsyncGenerator<string[]> {
  const pages = pagesOf(client, path, targetAnswer, { ...query, keyOf: ({ controllerId }) => controllerId });
  for await (const page of pages) yield page.map(({ controllerId }) => controllerId);
}

const COUNTED = pageOf(z.unknown());

function contradicts(client: FleetClient, path: string, fact: string): OtaError {
  return new OtaError('HTTP_STATUS', `${client.server}${path}: ${fact}`, [
    'Try again; if it stays, tell the operator of the server.',
  ]);
}

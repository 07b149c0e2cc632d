import * as z from 'zod/mini';
import { MANAGEMENT_DEFAULT_LIMIT, MANAGEMENT_MAX_LIMIT } from '../../wire/management.js';

const wholeNumber = z.pipe(
  z.string().check(z.regex(/^\d{1,9}$/, 'expected a whole number')),
  z.transform((digits: string) => Number(digits)),
);

const paging = {
  offset: z._default(wholeNumber, 0),
  /** hawkBit gives its default for 0, and its most for more. */
  limit: z._default(
    z.pipe(
      wholeNumber,
      z.transform((limit: number) => (limit === 0 ? MANAGEMENT_DEFAULT_LIMIT : Math.min(limit, MANAGEMENT_MAX_LIMIT))),
    ),
    MANAGEMENT_DEFAULT_LIMIT,
  ),
  /** `name:ASC,createdAt:DESC` */
  sort: z.optional(z.string().check(z.maxLength(512))),
  /** FIQL. */
  q: z.optional(z.string().check(z.maxLength(16 * 1024))),
};

/** Query of a list. */
export const listQuery = z.object(paging);
export type ListQuery = z.output<typeof listQuery>;

/** Of a list that can be had with more details; what is neither word is compact, as in hawkBit. */
export const detailedListQuery = z.object({ ...paging, representation: z.optional(z.string()) });

export function isFull({ representation }: { representation?: string | undefined }): boolean {
  return representation?.toLowerCase() === 'full';
}

/** Identifiers in paths. */
export const pathId = z.pipe(
  z.string().check(z.regex(/^\d{1,15}$/, 'expected a number')),
  z.transform((digits: string) => Number(digits)),
);

/** hawkBit's envelope of a list. */
export interface PagedList<T> {
  readonly content: readonly T[];
  readonly total: number;
  readonly size: number;
}

export function pagedList<T>(content: readonly T[], total: number): PagedList<T> {
  return { content, total, size: content.length };
}

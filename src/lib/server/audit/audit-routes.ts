import * as z from 'zod/mini';
import { auditPage, auditVerdict } from '../../wire/audit.js';
import { needs, type RouteDefinition, route } from '../http/route.js';
import { readAudit, verifyAudit } from './audit-log.js';

/** A whole number in a query. */
const number = (least: number, most: number) =>
  z.pipe(
    z.string().check(z.regex(/^\d{1,16}$/, 'expected a whole number')),
    z.pipe(z.transform(Number), z.int().check(z.minimum(least), z.maximum(most))),
  );
const seq = number(0, Number.MAX_SAFE_INTEGER);
const text = z.string().check(z.maxLength(512));

const query = z.object({
  actor: z.optional(text),
  action: z.optional(text),
  object: z.optional(text),
  since: z.optional(seq),
  until: z.optional(seq),
  after: z.optional(seq),
  before: z.optional(seq),
  limit: z._default(number(1, 1_000), 100),
});

export const auditRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/audit',
    access: needs('audit:read'),
    summary: 'Reads the audit log: with `after` forwards from an entry, else backwards from the last or from `before`.',
    query,
    answers: { 200: { description: 'A page of entries, and how many match.', json: auditPage } },
    handle: ({ server, tenant, query: asked }) => readAudit(server.database.sql, tenant, asked),
  }),
  route({
    method: 'GET',
    path: '/api/v1/audit/verify',
    access: needs('audit:read'),
    summary: 'Follows the chain of the whole log. Whoever does not trust the server follows the entries themselves.',
    answers: { 200: { description: 'Whether it holds together, and its end.', json: auditVerdict } },
    handle: ({ server, tenant, signal }) => verifyAudit(server.database.sql, tenant, signal),
  }),
];

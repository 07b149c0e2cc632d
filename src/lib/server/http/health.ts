import { sql } from 'kysely';
import { PUBLIC, type RouteDefinition, route } from './route.js';
import { ServerFailure } from './server-failure.js';

/** For load balancers and supervisors. */
export const healthRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/healthz',
    access: PUBLIC,
    summary: 'Tells that the process lives.',
    answers: { 200: { description: 'It does.' } },
    handle: async () => ({ status: 'ok' }),
  }),
  route({
    method: 'GET',
    path: '/readyz',
    access: PUBLIC,
    summary: 'Tells whether requests can be served: the database answers and the server is not stopping.',
    answers: { 200: { description: 'They can.' } },
    handle: async ({ server }) => {
      if (server.stopping.aborted) throw notReady('the server is stopping');
      await sql`select 1`.execute(server.database.sql).catch(() => {
        throw notReady('the database does not answer');
      });
      return { status: 'ready' };
    },
  }),
];

function notReady(message: string): ServerFailure {
  return new ServerFailure(503, 'NOT_READY', message, { headers: { 'retry-after': '1' } });
}

import { startPostgres } from '../../scripts/services/postgres.mjs';
import { ResourceStack } from '../../src/lib/core/resource-stack.js';
import { startTestServer, type TestServer } from '../lib/server/server-fixture.js';
import { testFolder } from './folder.js';

/** Two servers over one real PostgreSQL, each with a folder of its own. Disposal ends all of them. */
export interface TwoServers extends AsyncDisposable {
  readonly one: TestServer;
  readonly two: TestServer;
}

export async function startTwoServers(): Promise<TwoServers> {
  await using open = new ResourceStack();
  const { path } = open.use(await testFolder());
  const postgres = await startPostgres(path);
  open.use({ [Symbol.asyncDispose]: () => postgres.stop() });
  const url = new URL(await postgres.createDatabase());
  const start = async () => {
    const server = await startTestServer({ isShared: true, postgres: { url } });
    open.use({ [Symbol.asyncDispose]: () => server.stop() });
    return server;
  };
  const servers = { one: await start(), two: await start() };
  const kept = open.move();
  return { ...servers, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

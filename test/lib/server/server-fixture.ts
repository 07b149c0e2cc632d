import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createTenant } from '../../../src/lib/server/access/create-tenant.js';
import { ROLES, type Role } from '../../../src/lib/server/access/permissions.js';
import { DEFAULT_RATES } from '../../../src/lib/server/access/rates.js';
import { newToken, tokenHash } from '../../../src/lib/server/access/token.js';
import { type RunningServer, type ServerOptions, startServer } from '../../../src/lib/server/server.js';

export const OTHER_TENANT = 'OTHER';

/** A real server on a free loopback port, with its state in a folder of its own, a clock that stands, and jobs by hand. */
export interface TestServer {
  readonly running: RunningServer;
  readonly url: string;
  /** What the server has told its log. */
  readonly logged: string[];
  /** Token of a role in the first tenant. */
  token(role: Role, tenant?: string): string;
  /** Sends with the admin's token unless another is given; JSON bodies and answers. */
  call(method: string, path: string, options?: CallOptions): Promise<CallResult>;
  /** Lets the clock go on. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  /** A role, or the value of the authorization header; null: anonymous. */
  as?: Role | { readonly authorization: string } | null;
  tenant?: string;
}

export interface CallResult {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or text. */
  readonly body: ReturnType<typeof JSON.parse>;
}

let newDatabase: (() => Promise<URL>) | undefined;

/** From now on the servers of tests keep their state in such PostgreSQL databases; without it, embedded. */
export function keepStateIn(postgres: (() => Promise<URL>) | undefined): void {
  newDatabase = postgres;
}

/** Where a server is to keep its state that is started more than once. */
export async function stateOfTest(): Promise<Partial<ServerOptions>> {
  const url = await newDatabase?.();
  return url === undefined ? {} : { postgres: { url } };
}

/** Stops by itself when the test has finished, unless it is shared by a file (`isShared`). */
export async function startTestServer(
  options: Partial<ServerOptions> & { isShared?: boolean } = {},
): Promise<TestServer> {
  const { isShared = false, ...given } = options;
  const folder = given.dataDirectory ?? mkdtempSync(join(tmpdir(), 'ota-test-server-'));
  let now = Date.parse('2026-01-05T06:00:00Z');
  const logged: string[] = [];
  const tell = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const state = given.postgres === undefined ? await stateOfTest() : {};
  const running = await startServer({
    dataDirectory: folder,
    ...state,
    http: { host: '127.0.0.1', port: 0 },
    settings: {
      version: '0.0.0-test',
      scryptCost: 1024,
      maxArtifactBytes: 64 * 1024 ** 2,
      // The clock stands, so whatever is counted would never be forgotten.
      rates: Object.fromEntries(Object.keys(DEFAULT_RATES).map((name) => [name, { burst: 1e6, perSecond: 1e6 }])),
    },
    clock: { now: () => new Date(now) },
    log: { info: tell, warn: tell, error: tell },
    isTimed: false,
    ...given,
  });
  const tokens = await seedTokens(running, now);
  const stop = async () => {
    await running.stop();
    if (given.dataDirectory === undefined) rmSync(folder, { recursive: true, force: true });
  };
  if (!isShared) onTestFinished(stop);
  const token = (role: Role, tenant = 'DEFAULT') => tokens.get(`${tenant} ${role}`)!;
  return {
    running,
    url: running.url,
    logged,
    token,
    async call(method, path, { body, headers = {}, as = 'admin', tenant } = {}) {
      const authorization =
        as === null ? undefined : typeof as === 'string' ? `Bearer ${token(as, tenant)}` : as.authorization;
      const response = await fetch(`${running.url}${path}`, {
        method,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') && text !== '';
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    advance: (ms) => {
      now += ms;
    },
    stop,
  };
}

/** A token of each role in the first tenant and in another one. */
async function seedTokens({ context }: RunningServer, now: number): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  await context.database.transaction(async (tx) => {
    const known = await tx.selectFrom('tenant').select(['id', 'name']).execute();
    const tenants = new Map(known.map(({ id, name }) => [name, id]));
    if (!tenants.has(OTHER_TENANT)) tenants.set(OTHER_TENANT, await createTenant(tx, OTHER_TENANT, now));
    for (const [tenant, tenantId] of tenants) {
      for (const role of ROLES) {
        const token = newToken();
        tokens.set(`${tenant} ${role}`, token);
        await tx
          .insertInto('api_token')
          .values({
            tenant_id: tenantId,
            name: `test ${role} ${token.slice(-6)}`,
            role,
            token_hash: tokenHash(token),
            created_by: 'test',
            created_at: now,
            expires_at: null,
            revoked_at: null,
            last_used_at: null,
          })
          .execute();
      }
    }
  });
  return tokens;
}

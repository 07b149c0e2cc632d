import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serverSecret } from '../access/server-secret.js';
import type { ServerContext } from '../context.js';
import type { PostgresDatabase } from '../database/postgres.js';
import { EmbeddedLog } from './embedded-log.js';
import { PostgresLog } from './postgres-log.js';
import type { TelemetryLog } from './telemetry-log.js';

export const DEFAULT_TELEMETRY_BYTES = 1024 ** 3;
/** About as many messages as a log of that size holds: they take 5 bytes of memory each. */
const WINDOW_KEYS = 4 * 1024 ** 2;

type Needs = Pick<ServerContext, 'database' | 'dataDirectory' | 'settings' | 'log'>;

/**
 * The telemetry log of a server. What is there already is opened at once, so that damage shows when the server starts;
 * otherwise it begins with the first message.
 *
 * @throws OtaError NO_SPACE, IO_FAILED, LOCKED
 */
export async function openTelemetryLog({ database, dataDirectory, settings, log }: Needs): Promise<TelemetryLog> {
  if (database.kind === 'postgres') {
    const secret = await serverSecret(database, 'telemetry-ids');
    return new PostgresLog(database as PostgresDatabase, secret.subarray(0, 16));
  }
  const directory = join(dataDirectory, 'telemetry');
  const embedded = new EmbeddedLog({
    directory,
    maxBytes: settings.maxTelemetryBytes ?? DEFAULT_TELEMETRY_BYTES,
    windowKeys: WINDOW_KEYS,
    onTrouble: (message) => log.error(message),
  });
  if (existsSync(directory)) await embedded.lastSeq();
  return embedded;
}

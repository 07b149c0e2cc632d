import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.js';
import { ioError } from '../core/io-error.js';
import { takeLock } from '../core/lock.js';
import { ResourceStack } from '../core/resource-stack.js';
import { openAccessControl } from './access/access.js';
import { openAuthenticator } from './access/authenticator.js';
import { type FirstStart, prepareFirstStart } from './access/first-start.js';
import { openSettingsCache } from './access/settings-cache.js';
import { openBlobStore } from './artifacts/blob-store.js';
import { Campaigns } from './campaigns/campaigns.js';
import type { ServerContext, ServerLog, ServerSettings } from './context.js';
import type { Database } from './database/database.js';
import { openPostgres } from './database/postgres.js';
import { openSqlite } from './database/sqlite.js';
import { openLastSeen } from './devices/last-seen.js';
import { openEventLog } from './events/event-log.js';
import { StreamSlots } from './events/stream-slots.js';
import { buildApp } from './http/app.js';
import { OwnRequests } from './http/own-requests.js';
import type { RouteDefinition } from './http/route.js';
import { JOBS } from './jobs/all-jobs.js';
import { startJobs } from './jobs/job-runner.js';
import { listenFailure } from './listen-address.js';
import { MeasurementTurns } from './measurements/measurement-turns.js';
import { createMetrics } from './metrics/metrics.js';
import { type MqttOptions, startMqtt } from './mqtt/start-mqtt.js';
import { ROUTES } from './routes.js';
import { openTelemetryLog } from './telemetry/open-log.js';
import { TelemetryIntake } from './telemetry/telemetry-intake.js';

export interface ServerOptions {
  /** Made if absent, readable by its owner only. */
  readonly dataDirectory: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer; readonly ca?: Buffer } | undefined;
  /** A broker of the server's own, over TLS where HTTP is, or one that is there already. */
  readonly mqtt?: MqttOptions | undefined;
  /** PostgreSQL instead of the embedded database. */
  readonly postgres?: { readonly url: URL; readonly password?: string } | undefined;
  readonly settings: ServerSettings;
  readonly clock: Clock;
  readonly log: ServerLog;
  /** Without it, jobs run by `runJobs` alone. */
  readonly isTimed: boolean;
  /** For tests of the machinery; ROUTES otherwise. */
  readonly routes?: readonly RouteDefinition[];
}

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** `mqtt://127.0.0.1:1883`, where there is a broker. */
  readonly mqttUrl: string | undefined;
  readonly context: ServerContext;
  /** What was made because there was nothing yet. */
  readonly firstStart: FirstStart | undefined;
  /** Runs every job once now; for tests. */
  runJobs(): Promise<boolean>;
  /** Lets running requests end, then lets go of everything. */
  stop(): Promise<void>;
}

/**
 * Starts a fleet server.
 *
 * @throws OtaError LOCKED when another server has the data directory; STORE_MISMATCH; NETWORK_FAILED when the port is taken;
 *   those of opening files and databases
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { dataDirectory, settings, clock, log, isTimed, routes = ROUTES, tls, http } = options;
  await using open = new ResourceStack();
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw ioError(error, dataDirectory);
  });
  const database = open.use(await openDatabase(options, open));
  const firstStart = await prepareFirstStart(database, { clock, dataDirectory });
  const stopping = new AbortController();
  const events = openEventLog(database);
  const tenantSettings = openSettingsCache(database, clock);
  const lastSeen = open.use(openLastSeen({ database, events, log }, { isTimed }));
  const metrics = createMetrics();
  const telemetryLog = await openTelemetryLog({ database, dataDirectory, settings, log });
  const intake = { database, events, lastSeen, log, metrics, tenantSettings };
  const context: ServerContext = {
    database,
    clock,
    dataDirectory,
    settings,
    tenantSettings,
    access: await openAccessControl(database, { clock, settings }),
    log,
    events,
    blobs: openBlobStore(database, dataDirectory),
    lastSeen,
    metrics,
    telemetry: open.use(new TelemetryIntake(telemetryLog, intake)),
    streams: new StreamSlots(settings.maxStreams),
    ownRequests: new OwnRequests(),
    campaigns: open.use(new Campaigns({ isTimed })),
    measurements: new MeasurementTurns(),
    stopping: stopping.signal,
  };
  const app = await buildApp({
    server: context,
    routes,
    authenticator: openAuthenticator(context),
    ...(tls && { tls }),
  });
  open.use({ [Symbol.asyncDispose]: () => app.close() });
  context.ownRequests.attach(app);
  const jobs = startJobs(context, JOBS, { isTimed });
  open.use({ [Symbol.asyncDispose]: () => jobs.stop() });
  const url = await app.listen(http).catch((error: unknown) => {
    throw listenFailure(error, http, '--http');
  });
  const broker = options.mqtt && open.use(await startMqtt(context, { tls, ...options.mqtt }));
  const kept = open.move();
  return {
    url,
    mqttUrl: broker?.url,
    context,
    firstStart,
    runJobs: () => jobs.runAll(),
    async stop() {
      stopping.abort();
      await kept[Symbol.asyncDispose]();
    },
  };
}

async function openDatabase({ dataDirectory, postgres }: ServerOptions, open: ResourceStack): Promise<Database> {
  if (postgres !== undefined) return openPostgres(postgres.url, postgres.password);
  const lock = await takeLock(join(dataDirectory, 'server.lock'));
  open.use({ [Symbol.asyncDispose]: () => lock.release() });
  return openSqlite(join(dataDirectory, 'fleet.db'));
}

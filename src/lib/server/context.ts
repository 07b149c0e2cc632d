import type { Clock } from '../core/clock.js';
import type { AccessControl } from './access/access.js';
import type { Rates } from './access/rates.js';
import type { SettingsCache } from './access/settings-cache.js';
import type { BlobStore } from './artifacts/blob-store.js';
import type { Campaigns } from './campaigns/campaigns.js';
import type { Database } from './database/database.js';
import type { LastSeen } from './devices/last-seen.js';
import type { EventLog } from './events/event-log.js';
import type { StreamSlots } from './events/stream-slots.js';
import type { OwnRequests } from './http/own-requests.js';
import type { MeasurementTurns } from './measurements/measurement-turns.js';
import type { Metrics } from './metrics/metrics.js';
import type { TelemetryIntake } from './telemetry/telemetry-intake.js';

/** What every part of a running server works with. Parts add what they offer to others, and nothing else. */
export interface ServerContext {
  readonly database: Database;
  readonly clock: Clock;
  /** Where artifacts, telemetry and, embedded, the database lie. */
  readonly dataDirectory: string;
  readonly settings: ServerSettings;
  readonly access: AccessControl;
  /** What tenants have set, for hot paths; `readSettings` where it must be exact. */
  readonly tenantSettings: SettingsCache;
  readonly log: ServerLog;
  readonly events: EventLog;
  readonly blobs: BlobStore;
  readonly lastSeen: LastSeen;
  readonly metrics: Metrics;
  readonly telemetry: TelemetryIntake;
  readonly streams: StreamSlots;
  /** For what the server does by itself that its operators could ask for. */
  readonly ownRequests: OwnRequests;
  readonly campaigns: Campaigns;
  readonly measurements: MeasurementTurns;
  /** Raised when the server stops. */
  readonly stopping: AbortSignal;
}

/** What a server was started with and never changes. */
export interface ServerSettings {
  /** Version of the program, for the API document. */
  readonly version: string;
  /** scrypt's cost N: 2^17 in production (RFC 7914, section 2). */
  readonly scryptCost: number;
  /** Largest artifact, bytes. */
  readonly maxArtifactBytes: number;
  /** Where devices find this server when a proxy stands before it: `https://fleet.example`, without a slash at the end. */
  readonly publicUrl?: string;
  /** What all telemetry together may take on the disk; 1 GiB without it. */
  readonly maxTelemetryBytes?: number;
  /** Event streams that a tenant may have open at the same time on this process; 100 without it. */
  readonly maxStreams?: number;
  /** Origins that campaigns may ask and tell: `https://metrics.example`. None without it. */
  readonly egressOrigins?: readonly string[];
  /** Where not those of DEFAULT_RATES. */
  readonly rates?: Partial<Rates>;
}

/** Where a server tells what an administrator should know. Never a secret, never a request's body. */
export interface ServerLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

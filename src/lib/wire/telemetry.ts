import * as z from 'zod/mini';

/**
 * Telemetry over HTTP. What a message is: docs/telemetry-messages.md.
 *
 * - `POST /api/v1/telemetry`: NDJSON of any devices of the tenant; each line names one with `deviceId` or `vin`.
 * - `POST /{tenant}/telemetry/v1/{controllerId}`: NDJSON of one device, with its own credentials.
 * - `GET /api/v1/devices/{controllerId}/telemetry`: what was kept.
 */

/** Of one request. */
export const TELEMETRY_MAX_BATCH_BYTES = 16 * 1024 * 1024;
export const TELEMETRY_MAX_BATCH_LINES = 100_000;
/** Lines that an answer names; all are counted. */
export const TELEMETRY_MAX_PROBLEMS = 100;
/** Messages of one page. */
export const TELEMETRY_MAX_PAGE = 10_000;

/** A line that was not kept, and why. */
export const telemetryProblem = z.object({
  /** From 1 in the batch. */
  line: z.int(),
  kind: z.enum(['refused', 'conflict']),
  /** One clause. */
  cause: z.string(),
});
export type TelemetryProblem = z.output<typeof telemetryProblem>;

/** The answer to a batch, once all that was accepted is durable. */
export const telemetryAnswer = z.object({
  accepted: z.int(),
  /** Kept already, and not kept again. */
  duplicates: z.int(),
  /** Another message was kept under the same id; this one was not. */
  conflicts: z.int(),
  /** No messages, or of devices that they may not be of. */
  refused: z.int(),
  /** The first ones of both. */
  problems: z.array(telemetryProblem),
});
export type TelemetryAnswer = z.output<typeof telemetryAnswer>;

export const storedTelemetry = z.object({
  /** Grows with each message that the server keeps, of any tenant. */
  seq: z.int(),
  device: z.string(),
  /** By the message's `timestamp`, else when it arrived. RFC 3339. */
  time: z.string(),
  /** Its member `type`, where that is text. */
  type: z.optional(z.string()),
  body: z.record(z.string(), z.unknown()),
});

export const telemetryPage = z.object({
  messages: z.array(storedTelemetry),
  /** For the next page; absent on the last one. */
  cursor: z.optional(z.string()),
});
export type TelemetryPage = z.output<typeof telemetryPage>;

/**
 * Topics of a broker: `t/{tenant}/devices/{id}/telemetry`, `…/status` and `…/events`. Tenant and id are written as levels of a
 * topic (`topicLevel`).
 */
export const MQTT_KINDS = ['telemetry', 'status', 'events'] as const;
export type MqttKind = (typeof MQTT_KINDS)[number];

export interface DeviceTopic {
  readonly tenant: string;
  readonly device: string;
  readonly kind: MqttKind;
}

export function deviceTopic({ tenant, device, kind }: DeviceTopic): string {
  return `t/${topicLevel(tenant)}/devices/${topicLevel(device)}/${kind}`;
}

/** @returns undefined for every other topic; only the one way of writing is read that `deviceTopic` writes */
export function parseDeviceTopic(topic: string): DeviceTopic | undefined {
  const [root, tenantLevel = '', devices, deviceLevel = '', kind, ...rest] = topic.split('/');
  if (root !== 't' || devices !== 'devices' || rest.length > 0 || !isKind(kind)) return undefined;
  const tenant = levelText(tenantLevel);
  const device = levelText(deviceLevel);
  return tenant === undefined || device === undefined ? undefined : { tenant, device, kind };
}

function isKind(kind: string | undefined): kind is MqttKind {
  return (MQTT_KINDS as readonly (string | undefined)[]).includes(kind);
}

/** One level of a topic: what means something in a topic, and the percent sign, is percent-encoded. */
export function topicLevel(text: string): string {
  return text.toWellFormed().replace(/[/+#%$\p{Cc}\p{Noncharacter_Code_Point}]/gu, encodeURIComponent);
}

function levelText(level: string): string | undefined {
  if (level === '') return undefined;
  try {
    const text = decodeURIComponent(level);
    return topicLevel(text) === level ? text : undefined;
  } catch {
    return undefined; // half an escape
  }
}

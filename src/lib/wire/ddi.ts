import * as z from 'zod/mini';

/**
 * The bodies of Eclipse hawkBit's Direct Device Integration API, version 1, below `/{tenant}/controller/v1/{id}`.
 *
 * Each schema reads what clients and servers in the field really send: members nobody knows are dropped, ids and
 * attributes may be numbers, what is null counts as absent. What it returns, and what the `…Body` types allow to send,
 * is what the API's own description has.
 *
 * @see https://eclipse.dev/hawkbit/apis/ddi_api/
 */

/** Most bytes of a body in either direction. */
export const DDI_MAX_BODY_BYTES = 256 * 1024;
export const DDI_MAX_CHUNKS = 256;
export const DDI_MAX_ARTIFACTS = 256;
export const DDI_MAX_DETAILS = 64;
export const DDI_MAX_DETAIL_LENGTH = 4096;
export const DDI_MAX_ATTRIBUTES = 256;
/** Longest name and value of an attribute, characters. */
export const DDI_MAX_ATTRIBUTE_KEY = 128;
export const DDI_MAX_ATTRIBUTE_VALUE = 512;

const text = (maxLength: number) => z.string().check(z.maxLength(maxLength));
const uint = z.int().check(z.minimum(0));
const optional = <T extends z.core.SomeType>(schema: T) =>
  z.optional(
    z.pipe(
      z.nullable(schema),
      z.transform((value) => value ?? undefined),
    ),
  );

/** An action's id: text in hawkBit, a number from SWUpdate. */
export const ddiActionId = z.pipe(z.union([z.string().check(z.regex(/^\d{1,19}$/)), uint]), z.transform(String));

const link = z.object({ href: text(4096) });
const links = z.record(z.string(), link);
const hash = (digits: number) =>
  z.pipe(
    z.string().check(z.regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`), `expected ${digits} hex digits`)),
    z.transform((value: string) => value.toLowerCase()),
  );

/** `GET` on the base resource: how long to sleep, and what there is to do. */
export const ddiPoll = z.object({
  config: optional(z.object({ polling: optional(z.object({ sleep: optional(text(32)) })) })),
  _links: optional(
    z.object({
      deploymentBase: optional(link),
      confirmationBase: optional(link),
      cancelAction: optional(link),
      installedBase: optional(link),
      configData: optional(link),
    }),
  ),
});
export type DdiPoll = z.output<typeof ddiPoll>;

export const ddiArtifact = z.object({
  filename: text(1024),
  /** Bytes. */
  size: uint,
  hashes: z.object({ sha1: optional(hash(40)), md5: optional(hash(32)), sha256: optional(hash(64)) }),
  /** `download` is https where the server offers it, `download-http` is not. */
  _links: z.pipe(
    optional(links),
    z.transform((value) => value ?? {}),
  ),
});
export type DdiArtifact = z.output<typeof ddiArtifact>;

export const ddiChunk = z.object({
  part: text(256),
  name: text(1024),
  version: text(1024),
  artifacts: z.pipe(
    optional(z.array(ddiArtifact).check(z.maxLength(DDI_MAX_ARTIFACTS))),
    z.transform((value) => value ?? []),
  ),
  metadata: optional(z.array(z.object({ key: text(128), value: text(4096) })).check(z.maxLength(256))),
});

/** Whether to download or to install: not at all, when it suits the device, or now. */
export const DDI_HANDLING = ['skip', 'attempt', 'forced'] as const;

export const ddiDeployment = z.object({
  download: z.enum(DDI_HANDLING),
  update: z.enum(DDI_HANDLING),
  maintenanceWindow: optional(z.enum(['available', 'unavailable'])),
  chunks: z.array(ddiChunk).check(z.maxLength(DDI_MAX_CHUNKS)),
});
export type DdiDeployment = z.output<typeof ddiDeployment>;

const actionHistory = optional(
  z.object({ status: optional(text(128)), messages: optional(z.array(text(DDI_MAX_DETAIL_LENGTH))) }),
);

/** `GET deploymentBase/{action}` and `GET installedBase/{action}` */
export const ddiDeploymentBase = z.object({ id: ddiActionId, deployment: ddiDeployment, actionHistory });

/** `GET confirmationBase/{action}`: what would be deployed once somebody at the device agrees. */
export const ddiConfirmationBase = z.object({ id: ddiActionId, confirmation: ddiDeployment, actionHistory });

/** `GET cancelAction/{action}`: `stopId` is the action to stop. */
export const ddiCancelAction = z.object({ id: ddiActionId, cancelAction: z.object({ stopId: ddiActionId }) });

/** What a device is doing; `closed` ends the action, with whatever `finished` says. */
export const DDI_EXECUTIONS = [
  'closed',
  'proceeding',
  'canceled',
  'scheduled',
  'rejected',
  'resumed',
  'download',
  'downloaded',
] as const;
export type DdiExecution = (typeof DDI_EXECUTIONS)[number];

export const DDI_RESULTS = ['success', 'failure', 'none'] as const;
export type DdiResult = (typeof DDI_RESULTS)[number];

const details = optional(z.array(text(DDI_MAX_DETAIL_LENGTH)).check(z.maxLength(DDI_MAX_DETAILS)));

/**
 * `POST deploymentBase/{action}/feedback` and `POST cancelAction/{action}/feedback`. SWUpdate sends `id`, also as a
 * number, and `time` instead of `timestamp`; {@link ddiTimeMs} reads both.
 */
export const ddiFeedback = z.object({
  id: optional(z.union([text(64), z.number()])),
  /** Milliseconds since 1970. */
  timestamp: optional(z.number()),
  time: optional(text(64)),
  status: z.object({
    execution: z.enum(DDI_EXECUTIONS),
    result: z.object({
      finished: z.enum(DDI_RESULTS),
      progress: optional(z.object({ cnt: optional(z.number()), of: optional(z.number()) })),
    }),
    code: optional(z.int()),
    details,
  }),
});
export type DdiFeedback = z.output<typeof ddiFeedback>;

/** A feedback as we send it. */
export interface DdiFeedbackBody {
  /** Milliseconds since 1970. */
  timestamp: number;
  status: {
    execution: DdiExecution;
    result: { finished: DdiResult; progress?: { cnt: number; of: number } };
    code?: number;
    details: string[];
  };
}

/** `POST confirmationBase/{action}/feedback` */
export const ddiConfirmation = z.object({
  confirmation: z.enum(['confirmed', 'denied']),
  code: optional(z.int()),
  details,
});

export interface DdiConfirmationBody {
  confirmation: 'confirmed' | 'denied';
  code?: number;
  details: string[];
}

const attributeValue = z.pipe(z.union([text(DDI_MAX_ATTRIBUTE_VALUE), z.number(), z.boolean()]), z.transform(String));

/** How `configData` changes what the server knows: adds to it, takes its place, or takes these names away. */
export const DDI_CONFIG_MODES = ['merge', 'replace', 'remove'] as const;

/** `PUT configData`: the attributes of a device. Without a mode they are merged. */
export const ddiConfigData = z.object({
  mode: z.pipe(
    optional(z.enum(DDI_CONFIG_MODES)),
    z.transform((mode) => mode ?? ('merge' as const)),
  ),
  data: z
    .record(z.string().check(z.minLength(1), z.maxLength(DDI_MAX_ATTRIBUTE_KEY)), attributeValue)
    .check(
      z.refine(
        (data) => Object.keys(data).length <= DDI_MAX_ATTRIBUTES,
        `expected at most ${DDI_MAX_ATTRIBUTES} attributes`,
      ),
    ),
});
export type DdiConfigData = z.output<typeof ddiConfigData>;

/** `PUT installedBase`: what a device came with, named as a distribution set. */
export const ddiInstalledBase = z.object({
  name: z.string().check(z.minLength(1), z.maxLength(128)),
  version: z.string().check(z.minLength(1), z.maxLength(128)),
});

const SLEEP = /^(\d{1,4}):([0-5]\d):([0-5]\d)$/;

/** `00:05:00` in milliseconds; undefined when it is no such time. */
export function parseDdiSleep(sleep: string): number | undefined {
  const [, hours, minutes, seconds] = SLEEP.exec(sleep) ?? [];
  if (hours === undefined) return undefined;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** Milliseconds as `00:05:00`; parts of a second count as a whole one, so that nobody comes too early. */
export function formatDdiSleep(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

const BASIC_TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z?$/;

/**
 * When a feedback was made, milliseconds since 1970: `timestamp`, else SWUpdate's `time` (`20261121T212206`, UTC), else
 * undefined. It is the device's clock, so it may be far off.
 */
export function ddiTimeMs({ timestamp, time }: Pick<DdiFeedback, 'timestamp' | 'time'>): number | undefined {
  const timeMs = timestamp ?? Date.parse((time ?? '').replace(BASIC_TIME, '$1-$2-$3T$4:$5:$6Z'));
  return Number.isSafeInteger(timeMs) && timeMs >= 0 ? timeMs : undefined;
}

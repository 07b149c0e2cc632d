import * as z from 'zod/mini';

/** What became of the devices of a stage so far. */
const uint = z.int().check(z.minimum(0));

export const stageFigures = z.strictObject({
  /** Devices of the stage. The rest adds up to it. */
  total: uint,
  /** Not given the update yet, by the campaign or by the server. */
  waiting: uint,
  /** On their way; those that are stuck are not among them. */
  running: uint,
  /** On their way, but silent for longer than the stage's gate allows. */
  stuck: uint,
  installed: uint,
  failed: uint,
  canceled: uint,
  /** Had the update already: evidence for nothing (hawkbit#735). */
  already: uint,
  /** No longer known to the server. */
  gone: uint,
});
export type StageFigures = z.output<typeof stageFigures>;

/** A number that was measured, and on how many devices or messages. */
export const measurement = z.strictObject({ value: z.number(), sample: uint, control: z.optional(z.number()) });
export type Measurement = z.output<typeof measurement>;

/** What a probe or a command said: `holds` is not yet an answer. */
export const probeResult = z.strictObject({
  outcome: z.enum(['good', 'bad', 'holds', 'failed']),
  /** One sentence with the figures: `http://…: 0.004 < 0.01`, `exited with 3: too many errors` */
  said: z.string(),
});
export type ProbeResult = z.output<typeof probeResult>;

/** All that gates are judged by. */
export interface Observation {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly figures: StageFigures;
  /** When the first devices were given the update. Milliseconds since 1970. */
  readonly startedAt: number;
  /** Since when all gates but soak and approval hold, without a break; null: they do not. Milliseconds since 1970. */
  readonly goodSince: number | null;
  /** By the gate's place in the stage; absent: nothing could be measured. */
  readonly measurements: ReadonlyMap<number, Measurement>;
  /** By the gate's place; absent: not asked yet. */
  readonly probes: ReadonlyMap<number, ProbeResult>;
  readonly isApproved: boolean;
}

export const DECISIONS = ['advance', 'hold', 'pause', 'abort'] as const;
export type Decision = (typeof DECISIONS)[number];

/** What one gate says. */
export const gateVerdict = z.strictObject({
  /** Its place in the stage. */
  gate: uint,
  type: z.string(),
  decision: z.enum(DECISIONS),
  /** One sentence with the figures. */
  reason: z.string(),
});
export type GateVerdict = z.output<typeof gateVerdict>;

/** What all gates of a stage say together: the strictest of them. */
export const stageVerdict = z.strictObject({
  decision: z.enum(DECISIONS),
  reason: z.string(),
  gates: z.array(gateVerdict),
});
export type StageVerdict = z.output<typeof stageVerdict>;

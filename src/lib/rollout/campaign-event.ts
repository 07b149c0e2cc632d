import * as z from 'zod/mini';
import { stageFigures, stageVerdict } from './observation.js';
import { campaignName, softwareRef } from './plan.js';

/**
 * What happens in a campaign. Its journal is a list of these, and its state is what they add up to; see `campaign-state`.
 *
 * A portion is what the server is given in one go: the devices of a stage, or as many as its rate allows; or devices that
 * go back together. Each thing that is done at the server is announced by one event and confirmed by another, so a
 * campaign that was cut knows what may have happened.
 */

const uint = z.int().check(z.minimum(0));
const text = (maxLength: number) => z.string().check(z.maxLength(maxLength));
const by = text(256);
const portion = text(128);

export const failedDevice = z.strictObject({
  device: text(256),
  outcome: z.enum(['failed', 'stuck', 'canceled', 'gone']),
  /** What the device or the server said last. */
  message: text(1_024),
});
export type FailedDevice = z.output<typeof failedDevice>;

export const pauseCause = z.enum(['operator', 'gate', 'server', 'expired']);
export type PauseCause = z.output<typeof pauseCause>;

const bodies = [
  /** Somebody started it. */
  z.strictObject({ type: z.literal('opened'), by, name: campaignName, planDigest: text(64), planned: text(64) }),
  z.strictObject({
    type: z.literal('preparing'),
    portion,
    /** Of the plan; null: devices that go back. */
    stage: z.nullable(uint),
    /** What they get; null: the package of the plan. */
    software: z.nullable(softwareRef),
    /** Devices of the stage from … up to, not including; null: those of `devices`. */
    range: z.nullable(z.tuple([uint, uint])),
    /** By name: on the way back, and where failed ones try again. */
    devices: z.nullable(z.array(text(256))),
  }),
  /** The server has it, under a reference of the driver's. */
  z.strictObject({ type: z.literal('prepared'), portion, ref: text(1_024) }),
  z.strictObject({ type: z.literal('starting'), portion }),
  z.strictObject({ type: z.literal('started'), portion }),
  /** The campaign is paused, and the server holds back what it can: see `FleetDriver.pause`. */
  z.strictObject({ type: z.literal('held'), portion }),
  z.strictObject({ type: z.literal('stopping'), portion }),
  z.strictObject({ type: z.literal('stopped'), portion }),
  /** The server has forgotten it, or will not have it: nobody knows what becomes of its devices. They count as gone. */
  z.strictObject({ type: z.literal('lost'), portion, reason: text(2_048) }),
  /** Its gates were asked; written when they say something else than before, and now and then. */
  z.strictObject({
    type: z.literal('judged'),
    stage: uint,
    figures: stageFigures,
    verdict: stageVerdict,
    /** Since when all gates but soak and approval hold, milliseconds since 1970; null: they do not. */
    goodSince: z.nullable(uint),
  }),
  z.strictObject({ type: z.literal('passed'), stage: uint, figures: stageFigures }),
  /** Opens an approval gate; while a gate stands in the way, passes the stage in spite of it. */
  z.strictObject({ type: z.literal('approved'), stage: uint, by, remark: text(1_024) }),
  z.strictObject({
    type: z.literal('paused'),
    by,
    /** `server`: it lost, stopped or misreported something; `expired`: the package may no longer be installed. */
    cause: pauseCause,
    reason: text(2_048),
  }),
  /** After a gate: what was known by then is accepted, only new evidence pauses again; see docs/decisions/0016-campaigns.md. */
  z.strictObject({ type: z.literal('resumed'), by }),
  /** No further device gets it, those that have not finished are asked to let go of it. */
  z.strictObject({
    type: z.literal('aborting'),
    by,
    cause: z.enum(['operator', 'gate']),
    reason: text(2_048),
    thenRollBack: z.boolean(),
  }),
  /** Devices that have the update are asked to go back. */
  z.strictObject({
    type: z.literal('rolling-back'),
    by,
    batches: z.array(z.strictObject({ software: softwareRef, devices: z.array(text(256)) })),
    /** Devices that nothing can be done for, and why. */
    cannot: z.array(z.strictObject({ reason: text(512), devices: z.array(text(256)) })),
  }),
  /** How going back goes; written when it changes, now and then. */
  z.strictObject({ type: z.literal('returning'), figures: stageFigures }),
  /** Devices that failed in a stage are tried again: `failed` and `canceled` say how many of them had ended in which way. */
  z.strictObject({
    type: z.literal('retrying'),
    by,
    stage: uint,
    devices: z.array(text(256)).check(z.minLength(1)),
    failed: uint,
    canceled: uint,
  }),
  /** How stages stand that were judged before all of their devices had ended: before it goes back or ends. */
  z.strictObject({
    type: z.literal('counted'),
    stages: z.array(z.strictObject({ stage: uint, figures: stageFigures })).check(z.minLength(1)),
  }),
  /** Who failed, as far as it was asked for; `more` are not named. */
  z.strictObject({ type: z.literal('failures'), stage: z.nullable(uint), devices: z.array(failedDevice), more: uint }),
  /** Something worth knowing that changes nothing: a server that could not be reached, a webhook that did not take it. */
  z.strictObject({ type: z.literal('noted'), text: text(2_048) }),
  z.strictObject({
    type: z.literal('ended'),
    phase: z.enum(['finished', 'aborted', 'rolled-back', 'rollback-failed']),
    reason: text(2_048),
  }),
] as const;

export const campaignEvent = z.discriminatedUnion('type', bodies);
export type CampaignEvent = z.output<typeof campaignEvent>;
export type CampaignEventType = CampaignEvent['type'];
export type EventOf<T extends CampaignEventType> = Extract<CampaignEvent, { type: T }>;

/** An event in its journal: hash-chained, so that nobody changes what has happened. */
export const journalEntry = z.strictObject({
  /** From 1, without holes. */
  seq: z.int().check(z.minimum(1)),
  /** Milliseconds since 1970, never before that of the entry before. To the end of what ECMAScript has a date for. */
  time: z.int().check(z.minimum(0), z.maximum(8.64e15)),
  event: campaignEvent,
  /** Hash of the entry before; of the first one, JOURNAL_GENESIS. */
  previousHash: text(64),
  /** SHA-256 of the canonical JSON (RFC 8785) of `{seq, time, event, previousHash}`, hexadecimal. */
  hash: text(64),
});
export type JournalEntry = z.output<typeof journalEntry>;

/** Largest entry, as a line: a million devices that go back. */
export const JOURNAL_ENTRY_MAX_BYTES = 64 * 1024 ** 2;

export const JOURNAL_GENESIS = '0'.repeat(64);

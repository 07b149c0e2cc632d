import type { PartitionedStore } from '../dedupe/partitioned-store.js';
import type { DeadLetters } from '../telemetry/dead-letter.js';
import type { LineStage } from '../telemetry/line-stage.js';
import type { Sink } from '../telemetry/sink.js';
import type { Source } from '../telemetry/source.js';
import type { DecodeOptions } from './decode-lines.js';
import type { PipelineCounts, PipelineEvent, WindowReport } from './events.js';
import type { MonotonicTime } from './progress.js';

/** Sources, sink, store and dead letters belong to the caller, who opens and closes them. */
export interface PipelineOptions {
  /** Read one after the other; those that never end by themselves, at the same time. */
  readonly sources: readonly Source[];
  readonly sink: Sink;
  readonly store: PartitionedStore;
  readonly decode: DecodeOptions;
  /** Threads that decode large chunks; 0 decodes all of them in this one. */
  readonly threads: number;
  /** Where lines go that are no messages, and conflicts; without it they are only counted. */
  readonly deadLetters?: DeadLetters;
  /** End with MESSAGE_INVALID or MESSAGE_CONFLICT at the first of those, once what came before is committed. */
  readonly strict: boolean;
  /** Go on where the last run stopped; otherwise read the sources from their start. */
  readonly fromCheckpoint: boolean;
  /** The output was replaced on purpose: what came out into the former one does not come out again. */
  readonly newOutput: boolean;
  /** A new store may be built from an output that holds something already. */
  readonly rebuild: boolean;
  /** Warn when the store forgets messages younger than this. */
  readonly minWindowMs?: number;
  /** Bytes of lines that are written and synced together where they come fast enough; 4 MiB by default. */
  readonly batchBytes?: number;
  readonly pacing?: LineStage;
  readonly drill?: LineStage;
  readonly time: MonotonicTime;
  /** Ends the run at a batch boundary, which is no failure. */
  readonly signal: AbortSignal;
  /** Awaited at batch boundaries: a slow reader of events slows the run down. */
  onEvent(event: PipelineEvent): void | Promise<void>;
}

export interface PipelineSummary {
  readonly counts: PipelineCounts;
  readonly seconds: number;
  readonly window: WindowReport;
  /** Ended by the signal: the next run goes on here. */
  readonly isInterrupted: boolean;
}

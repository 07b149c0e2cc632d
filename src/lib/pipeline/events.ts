import type { DamagedBlock } from '../dedupe/store.js';

/** Counts since the start of the run. */
export interface PipelineCounts {
  /** Lines read, rejects included. */
  readonly lines: number;
  /** Messages that came out. */
  readonly written: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejects: number;
  readonly derivedIds: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export interface WindowReport {
  readonly keys: number;
  /** Whether anything has been forgotten yet. */
  readonly isFull: boolean;
  /** Span of event time that the window covers, in milliseconds. */
  readonly spanMs?: number;
}

/** What a pipeline tells while it runs. The command prints it; nothing else does. */
export type PipelineEvent =
  | {
      readonly type: 'started';
      readonly sources: readonly string[];
      readonly sink: string;
      readonly guarantee: 'exactly-once' | 'at-least-once';
      /** Whether it goes on from a checkpoint. */
      readonly isContinued: boolean;
      /** The store lost ids that it should remember: messages that have them may come out again. */
      readonly isDamaged: boolean;
      /** Input is read again from before what the store remembers: messages of then come out again. */
      readonly isReread?: true;
    }
  | {
      readonly type: 'recovered';
      /** Ids of the output's tail that the store did not know. */
      readonly addedKeys: number;
      /** Keys the store had and the output had not. */
      readonly removedKeys: number;
      /** Messages of the tail that were read. */
      readonly tailMessages: number;
    }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  | { readonly type: 'damage'; readonly block: DamagedBlock }
  | {
      readonly type: 'progress';
      readonly counts: PipelineCounts;
      readonly messagesPerSecond: number;
      readonly lag?: { readonly amount: number; readonly unit: 'bytes' | 'messages' };
      readonly window: WindowReport;
    }
  | {
      readonly type: 'finished';
      readonly counts: PipelineCounts;
      readonly seconds: number;
      readonly window: WindowReport;
      /** Ended by a signal, at a batch boundary: the next run goes on here. */
      readonly isInterrupted: boolean;
    };

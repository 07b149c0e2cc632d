import type { JsonObject } from '../core/strict-json.js';
import type { Source } from '../telemetry/source.js';
import { requireRoom } from './checkpoint.js';
import type { PipelineEvent, WindowReport } from './events.js';
import type { PipelineOptions } from './pipeline-options.js';
import { PipelineRun } from './pipeline-run.js';
import { type Recovery, recover } from './recover.js';
import { requireDistinct } from './run-pipeline.js';
import { recoveryEvents, rereadSources, startEvents } from './start-events.js';
import { windowReport } from './window-report.js';

/** What a run would do before it reads its first line, and where it would begin. */
export interface PipelinePlan {
  readonly sink: string;
  readonly guarantee: 'exactly-once' | 'at-least-once';
  /** The store is new. */
  readonly isFirst: boolean;
  readonly sources: readonly {
    readonly id: string;
    readonly recovery: Source['recovery'];
    /** Where it is gone on with; absent for its start. */
    readonly from?: JsonObject;
  }[];
  readonly repair: Omit<Recovery, 'checkpoint' | 'isFirst'>;
  readonly window: WindowReport;
  readonly warnings: readonly Extract<PipelineEvent, { type: 'warning' | 'damage' }>[];
}

/**
 * Repairs store and output as a run would and tells what that took. Store, sink and dead letters lie on a disk that
 * keeps changes in memory (core/dry-run-fs.ts), so nothing stays of it. Sources that end are asked whether they
 * still have their position; others are not touched.
 *
 * @throws as runPipeline does before its first line
 */
export async function planPipeline(options: PipelineOptions): Promise<PipelinePlan> {
  const { sink, sources, store } = options;
  requireDistinct(sources);
  requireRoom(sources);
  const { checkpoint, isFirst, ...repair } = await recover(options);
  const run = new PipelineRun(options, checkpoint);
  await run.alignDeadLetters();
  for (const source of sources) {
    if (source.recovery === 'position' && source.isLive !== true) await readFirst(source, run.startOf(source));
  }
  const reread = rereadSources(options, checkpoint, (source) => run.startOf(source));
  const isContinued = sources.some((source) => run.startOf(source) !== undefined);
  const events = [
    ...startEvents(options, isContinued, reread, { checkpoint, isFirst, ...repair }),
    ...recoveryEvents(options, { checkpoint, isFirst, ...repair }),
  ];
  return {
    sink: sink.id,
    guarantee: sink.guarantee,
    isFirst,
    sources: sources.map((source) => {
      const from = run.startOf(source);
      return { id: source.id, recovery: source.recovery, ...(from !== undefined && { from }) };
    }),
    repair,
    window: windowReport(store),
    warnings: events.filter((event) => event.type === 'warning' || event.type === 'damage'),
  };
}

async function readFirst(source: Source, from: JsonObject | undefined): Promise<void> {
  const ended = new AbortController();
  for await (const _ of source.read(from, ended.signal)) return;
}

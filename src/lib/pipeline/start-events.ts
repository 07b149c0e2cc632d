import type { JsonObject } from '../core/strict-json.js';
import type { Source } from '../telemetry/source.js';
import type { PipelineCheckpoint } from './checkpoint.js';
import { endName } from './end-name.js';
import type { PipelineEvent } from './events.js';
import { rememberedKeys } from './in-flight.js';
import type { PipelineOptions } from './pipeline-options.js';
import type { Recovery } from './recover.js';
import { windowReport } from './window-report.js';

type Ends = Pick<PipelineOptions, 'sources' | 'sink' | 'store'>;

/**
 * Sources that are read from their start although messages of them may have come out that the store has forgotten, or
 * never knew.
 *
 * @param checkpoint as it was found
 * @param startOf where a source is to be read from
 */
export function rereadSources(
  { sources, store }: Ends,
  checkpoint: PipelineCheckpoint,
  startOf: (source: Source) => JsonObject | undefined,
): Source[] {
  const isForgetful = checkpoint.isPartial === true || windowReport(store).isFull;
  if (!isForgetful) return [];
  const wasRead = ({ id }: Source) => checkpoint.inputs.some(({ source }) => source === id);
  const isRebuilt = checkpoint.inputs.length === 0;
  return sources.filter(
    (source) =>
      source.recovery === 'position' &&
      startOf(source) === undefined &&
      (wasRead(source) || (isRebuilt && source.isLive !== true)),
  );
}

/** What a run promises, and what it cannot. */
export function startEvents(
  { sources, sink, store }: Ends,
  isContinued: boolean,
  reread: readonly Source[],
  recovery: Recovery,
): PipelineEvent[] {
  return [
    {
      type: 'started',
      sources: sources.map(({ id }) => id),
      sink: sink.id,
      guarantee: sink.guarantee,
      isContinued,
      isDamaged: [...store.stores.values()].some((partition) => partition.stats().damage.length > 0),
      ...((reread.length > 0 || isTailLong(store, recovery)) && { isReread: true }),
    },
    ...reread.map((source) =>
      warning(
        'READ_AGAIN',
        `${endName(source)}: is read from its start, and the store does not remember all that came out; what it forgot comes out again`,
      ),
    ),
    ...(sink.guarantee === 'at-least-once'
      ? [
          warning(
            'AT_LEAST_ONCE',
            `${endName(sink)}: cannot be asked what it holds; after a crash messages may come out again`,
          ),
        ]
      : []),
    ...sources
      .filter(({ recovery }) => recovery === 'none')
      .map((source) =>
        warning(
          'NOT_REPLAYABLE',
          `${endName(source)}: cannot be read again; after a crash its lines must be sent again`,
        ),
      ),
  ];
}

/** What was found damaged, and what was repaired. */
export function recoveryEvents({ sources, sink, store }: Ends, recovery: Recovery): PipelineEvent[] {
  const { addedKeys, removedKeys, tailMessages, foreignLines, isTorn, isPartial } = recovery;
  const events = [...store.stores.values()]
    .flatMap((partition) => partition.stats().damage)
    .map((block): PipelineEvent => ({ type: 'damage', block }));
  if (addedKeys + removedKeys + tailMessages > 0) {
    events.push({ type: 'recovered', addedKeys, removedKeys, tailMessages });
  }
  if (isTorn)
    events.push(
      warning('OUTPUT_TORN', `${endName(sink)}: an interrupted write was cut off; its messages come out again`),
    );
  if (foreignLines > 0) {
    events.push(
      warning('OUTPUT_FOREIGN', `${endName(sink)}: ${foreignLines} lines since the checkpoint are no messages`),
    );
  }
  if (isTailLong(store, recovery)) {
    const fact = `holds ${tailMessages} messages since the checkpoint, more than the store remembers`;
    events.push(
      warning('TAIL_LONG', `${endName(sink)}: ${fact}; older ones come out again if their input is read again`),
    );
  }
  if (isPartial) {
    events.push(
      warning(
        'OUTPUT_PARTIAL',
        `${endName(sink)}: holds more than the store remembers; what is older comes out again if it is read again`,
      ),
    );
  }
  const unrepeated = removedKeys > 0 ? sources.filter(({ recovery: again }) => again !== 'position') : [];
  for (const source of unrepeated) {
    events.push(
      warning(
        'OUTPUT_SHORTENED',
        `${endName(sink)}: lost messages that came out, and ${endName(source)} does not send them again by itself`,
      ),
    );
  }
  return events;
}

/** The ids of the output's tail pushed out older ones that the input behind the checkpoint may repeat. */
function isTailLong(store: Ends['store'], { isFirst, tailMessages }: Recovery): boolean {
  return !isFirst && tailMessages > rememberedKeys(store);
}

function warning(code: string, message: string): PipelineEvent {
  return { type: 'warning', code, message };
}

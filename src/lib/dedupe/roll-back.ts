import { join } from 'node:path';
import { createGenerationLog, type LogContext } from './generation-log.js';
import { type Generations, newTable } from './generations.js';
import type { Checkpoint } from './store.js';
import { segmentName } from './store-names.js';
import type { WindowPlan } from './window-plan.js';

/** Behind a frame of the newest log, or, without `end`, where a generation begins. */
interface Position {
  readonly generation: number;
  readonly end?: number;
}

/** The checkpoints that a store can go back to. */
export class RollbackPoints {
  readonly #positions = new WeakMap<Checkpoint, Position>();

  /** Newest first. */
  *of({ active, sealing, segments }: Generations): Iterable<Checkpoint> {
    for (const { checkpoint, end } of active.checkpoints()) {
      yield this.#at({ generation: active.generation, end }, checkpoint);
    }
    const closed = [...segments.map(({ header }) => header), ...(sealing === undefined ? [] : [sealing])];
    for (const { generation, first } of closed.reverse()) {
      if (first !== undefined) yield this.#at({ generation }, first);
    }
  }

  /** @returns where it stands; nothing is known of one that did not come from here */
  positionOf(checkpoint: Checkpoint): Position {
    const position = this.#positions.get(checkpoint);
    if (position === undefined) throw new Error('not a checkpoint of this store');
    return position;
  }

  #at(position: Position, checkpoint: Checkpoint): Checkpoint {
    this.#positions.set(checkpoint, position);
    return checkpoint;
  }
}

/** Brings the files of a store back to a checkpoint. What is in memory no longer fits them: open it anew. */
export async function rollBack(
  context: LogContext,
  plan: WindowPlan,
  generations: Generations,
  { generation, end }: Position,
  checkpoint: Checkpoint,
): Promise<void> {
  const { active, oldest } = generations;
  if (end === undefined) return await removeFrom(context, plan, generations, generation, checkpoint);
  if (generation !== active.generation) throw new Error('the checkpoint was given up meanwhile');
  await active.rollBack(end, oldest);
}

/**
 * Begins a generation anew and removes all newer ones, the newest first. Its new log stands before its segment
 * goes: there is no moment at which a crash leaves less than was asked for.
 */
async function removeFrom(
  context: LogContext,
  plan: WindowPlan,
  generations: Generations,
  generation: number,
  first: Checkpoint,
): Promise<void> {
  const { fs, directory } = context;
  const { segments, oldest } = generations;
  const start = { generation, table: newTable(plan, context), first, insertedBefore: first.insertedKeys };
  const log = await createGenerationLog(context, start, oldest);
  const newest = generations.active.generation;
  await generations.active.remove();
  generations.active = log;
  await fs.syncDirectory(directory);
  for (let removed = newest - 1; removed >= generation; removed--) {
    if (segments.at(-1)?.header.generation === removed) await segments.pop()!.close();
    await fs.remove(join(directory, segmentName(removed)));
    await fs.syncDirectory(directory);
  }
}

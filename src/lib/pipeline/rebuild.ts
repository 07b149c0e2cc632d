import { OtaError } from '../core/errors.js';
import type { RecoverableSink } from '../telemetry/sink.js';
import { endName } from './end-name.js';
import type { RecoverOptions, Recovery } from './recover.js';
import { recover } from './recover.js';

export type RebuildOptions = Omit<RecoverOptions, 'sink' | 'newOutput' | 'rebuild'> & {
  readonly sink: RecoverableSink;
};

/**
 * Builds a new store from the newest messages of an output, as many as its window holds. It knows no input
 * positions then: the next run reads its sources from their start, and goes on with a rebuild that was cut short.
 *
 * @param options.store without any checkpoint
 * @throws OtaError OUTPUT_EXISTS for a store that holds something
 */
export async function rebuildStore(options: RebuildOptions): Promise<Recovery> {
  for (const store of options.store.stores.values()) {
    const [checkpoint] = store.checkpoints();
    if (checkpoint === undefined) continue;
    throw new OtaError('OUTPUT_EXISTS', `${endName(options.sink)}: its store holds ids already, expected a new one`, [
      'Remove the store, or name another folder.',
    ]);
  }
  return await recover({ ...options, newOutput: false, rebuild: true });
}

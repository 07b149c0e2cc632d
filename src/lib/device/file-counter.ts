import { writeFileAtomically } from '../core/atomic-file.js';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { escapeText } from '../core/text.js';
import type { MonotonicCounter } from './monotonic-counter.js';

const MAX_COUNTER_BYTES = 32;

/**
 * A counter in a file: decimal digits and a newline. It stands for what hardware does, and is worth as much as the
 * place it lies in is out of reach for whoever puts old device files back.
 */
export class FileCounter implements MonotonicCounter {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Starts a counter at 0 where there is none. @throws OtaError as `writeFileAtomically` and {@link read} */
  static async create(path: string): Promise<FileCounter> {
    const counter = new FileCounter(path);
    try {
      await writeFileAtomically(path, Buffer.from('0\n'));
    } catch (error) {
      if (!(error instanceof OtaError) || error.code !== 'OUTPUT_EXISTS') throw error;
      await counter.read(); // one that counts for another device goes on from where it is
    }
    return counter;
  }

  /** @throws OtaError DEVICE_STATE_LOST: a counter that was deleted must not start again; IO_FAILED, PERMISSION_DENIED */
  async read(): Promise<number> {
    const text = await readBounded(this.#path, MAX_COUNTER_BYTES, 'monotonic counter').then(
      (bytes) => bytes.toString('latin1'),
      (error: unknown) => {
        if (error instanceof OtaError && (error.code === 'NOT_FOUND' || error.code === 'LIMIT_EXCEEDED')) return '';
        throw error;
      },
    );
    const value = Number(text);
    if (/^(0|[1-9]\d{0,15})\n$/.test(text) && Number.isSafeInteger(value)) return value;
    throw new OtaError('DEVICE_STATE_LOST', `${escapeText(this.#path)}: the monotonic counter is missing or damaged`, [
      'Connect the storage it is on; without it, nobody can tell whether the device is older than it was.',
    ]);
  }

  /** @throws OtaError as {@link read} and `writeFileAtomically` */
  async raise(to: number): Promise<void> {
    const from = await this.read();
    if (!(Number.isSafeInteger(to) && to > from)) throw new RangeError(`the counter is at ${from}, not below ${to}`);
    await writeFileAtomically(this.#path, Buffer.from(`${to}\n`), { force: true });
  }
}

const CLOSED = 0;
const INSIDE = 1;

/**
 * Keeps threads from being ended while native code runs in them, which would end the whole process.
 *
 * Threads that share its memory pass it for each short call into native code. Whoever is about to
 * end them closes it first and waits until the last one is out.
 */
export class NativeGate {
  /** Given to other threads, for gates of their own over the same memory. */
  readonly memory: SharedArrayBuffer;
  readonly #state: Int32Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#state = new Int32Array(memory);
  }

  /** Announces a call into native code. @throws Error when the gate is closed: then nothing was announced */
  enter(): void {
    Atomics.add(this.#state, INSIDE, 1);
    if (Atomics.load(this.#state, CLOSED) === 0) return;
    this.leave();
    throw new Error('the thread is about to be ended');
  }

  /** The call has returned. */
  leave(): void {
    Atomics.sub(this.#state, INSIDE, 1);
    Atomics.notify(this.#state, INSIDE);
  }

  /** Lets nobody in any more, and waits until all are out. */
  async close(): Promise<void> {
    Atomics.store(this.#state, CLOSED, 1);
    for (let inside = this.#inside(); inside > 0; inside = this.#inside()) {
      await Atomics.waitAsync(this.#state, INSIDE, inside).value;
    }
  }

  #inside(): number {
    return Atomics.load(this.#state, INSIDE);
  }
}

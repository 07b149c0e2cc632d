/** Lets so many tasks run at the same time; the others wait in the order in which they came. */
export class Gate {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #first = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  /** Whoever waits takes the place over, so that nobody slips in between. */
  #leave(): void {
    const next = this.#waiting[this.#first++];
    if (next !== undefined) {
      next();
      return;
    }
    this.#running--;
    this.#waiting.length = 0;
    this.#first = 0;
  }
}

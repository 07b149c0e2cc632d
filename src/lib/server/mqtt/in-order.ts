/** Packets that are acknowledged in the order in which they came, whichever is done first: MQTT 5.0, section 4.6. */
export class InOrder {
  readonly #acknowledge: (packetIds: readonly number[]) => void;
  #entries: { readonly packetId: number; isDone: boolean }[] = [];

  constructor(acknowledge: (packetIds: readonly number[]) => void) {
    this.#acknowledge = acknowledge;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** @returns what says that the packet is done */
  add(packetId: number): () => void {
    const entry = { packetId, isDone: false };
    this.#entries.push(entry);
    return () => {
      entry.isDone = true;
      if (this.#entries[0] !== entry) return;
      let count = 0;
      while (this.#entries[count]?.isDone) count++;
      this.#acknowledge(this.#entries.splice(0, count).map((done) => done.packetId));
    };
  }

  /** The connection has ended: what was not acknowledged comes again under other numbers. */
  clear(): void {
    this.#entries = [];
  }
}

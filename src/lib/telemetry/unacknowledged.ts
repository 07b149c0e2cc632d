/** Messages of one connection that wait for their acknowledgement, in the order of their arrival. */
export class Unacknowledged {
  /** Number of the message in its source, rising, and the packet identifier it came with. */
  #numbers: number[] = [];
  #packetIds: number[] = [];
  #first = 0;

  get size(): number {
    return this.#numbers.length - this.#first;
  }

  add(number: number, packetId: number): void {
    this.#numbers.push(number);
    this.#packetIds.push(packetId);
  }

  /** Removes every message up to and including `number`, and returns their packet identifiers in order. */
  takeUpTo(number: number): number[] {
    const start = this.#first;
    while (this.#first < this.#numbers.length && this.#numbers[this.#first]! <= number) this.#first++;
    const taken = this.#packetIds.slice(start, this.#first);
    // Now and then, so that taking costs no more than what is taken.
    if (this.#first > this.size) {
      this.#numbers.splice(0, this.#first);
      this.#packetIds.splice(0, this.#first);
      this.#first = 0;
    }
    return taken;
  }

  /** The connection is gone: its packet identifiers mean nothing any more. */
  clear(): void {
    this.#numbers = [];
    this.#packetIds = [];
    this.#first = 0;
  }
}

import type { DedupeStore, KeyBatch } from './store.js';

type SeenOrInsert = DedupeStore['seenOrInsert'];

/**
 * Judges batches by the stores of all partitions: each key belongs to one of them. Equal keys meet in
 * one store in the order of the batch, so the verdicts are those of a single store.
 */
export function partitionRouter(stores: readonly Pick<DedupeStore, 'seenOrInsert'>[]): SeenOrInsert {
  if (stores.length === 1) return (batch, verdicts) => stores[0]!.seenOrInsert(batch, verdicts);
  const parts = stores.map(() => new Part());
  return (batch, verdicts = new Uint8Array(batch.count)) => {
    for (const part of parts) part.clear();
    for (let index = 0; index < batch.count; index++)
      parts[partitionOf(batch.keys, index, parts.length)]!.add(batch, index);
    parts.forEach((part, number) => {
      if (part.count > 0) part.judge(stores[number]!, verdicts);
    });
    return verdicts;
  };
}

/**
 * The partition of a key. Stores sort and look up by the other words, which stay uniform within a partition.
 */
export function partitionOf(keys: Uint32Array, index: number, partitions: number): number {
  return Math.floor((keys[4 * index + 3]! * partitions) / 2 ** 32);
}

/** Those keys of a batch that belong to one partition, and where they came from. */
class Part {
  count = 0;
  #indexes = new Uint32Array(0);
  #keys = new Uint32Array(0);
  #digests = new Uint32Array(0);
  #hasDigests = false;
  #verdicts = new Uint8Array(0);

  clear(): void {
    this.count = 0;
  }

  add({ count, keys, digests }: KeyBatch, index: number): void {
    if (this.count === this.#indexes.length) this.#grow(count);
    const at = this.count++;
    this.#indexes[at] = index;
    for (let word = 0; word < 4; word++) this.#keys[4 * at + word] = keys[4 * index + word]!;
    this.#hasDigests = digests !== undefined;
    if (digests === undefined) return;
    this.#digests[2 * at] = digests[2 * index]!;
    this.#digests[2 * at + 1] = digests[2 * index + 1]!;
  }

  judge(store: Pick<DedupeStore, 'seenOrInsert'>, verdicts: Uint8Array): void {
    const keys = this.#keys.subarray(0, 4 * this.count);
    const digests = this.#hasDigests ? { digests: this.#digests.subarray(0, 2 * this.count) } : {};
    const own = store.seenOrInsert({ count: this.count, keys, ...digests }, this.#verdicts);
    for (let at = 0; at < this.count; at++) verdicts[this.#indexes[at]!] = own[at]!;
  }

  #grow(atMost: number): void {
    const capacity = Math.min(atMost, Math.max(256, 2 * this.#indexes.length));
    this.#indexes = grown(this.#indexes, capacity);
    this.#keys = grown(this.#keys, 4 * capacity);
    this.#digests = grown(this.#digests, 2 * capacity);
    this.#verdicts = new Uint8Array(capacity);
  }
}

function grown(words: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const result = new Uint32Array(length);
  result.set(words);
  return result;
}

import { releaseBytes } from '../release-bytes.js';
import type { Covers } from './covers.js';

const FIRST_CAPACITY = 1024;
const FIELDS = 3;

/** Covers that are being found, in the order of the new image. */
export class CoverList {
  #fields: Int32Array = new Int32Array(FIRST_CAPACITY * FIELDS);
  #count = 0;

  add(newAt: number, oldAt: number, length: number): void {
    const at = this.#count * FIELDS;
    if (at === this.#fields.length) {
      const grown = new Int32Array(at * 2);
      grown.set(this.#fields);
      releaseBytes(this.#fields);
      this.#fields = grown;
    }
    this.#fields[at] = newAt;
    this.#fields[at + 1] = oldAt;
    this.#fields[at + 2] = length;
    this.#count++;
  }

  addAll({ count, newAt, oldAt, length }: Covers): void {
    for (let i = 0; i < count; i++) this.add(newAt[i]!, oldAt[i]!, length[i]!);
  }

  covers(): Covers {
    const column = (field: number) => {
      return new Int32Array(this.#count).map((_, i) => this.#fields[i * FIELDS + field]!);
    };
    return { count: this.#count, newAt: column(0), oldAt: column(1), length: column(2) };
  }
}

import { Chaskey } from './chaskey.js';
import { derivedKey } from './message-key.js';

/**
 * Digest of what a message says, 64 bits, independent of the order of its members: tells a message that was
 * sent again from another one under the same id.
 *
 * It is the sum, modulo 2^64, of a keyed code of each member's bytes as they are written, from the quote
 * before its name to the end of its value. Numbers in another notation, other escapes and other white space
 * inside a member are therefore another message. Two messages that differ have equal digests with
 * probability 2^-64.
 *
 * @see Clarke et al., "Incremental Multiset Hash Functions and Their Application to Memory Integrity
 *   Checking", ASIACRYPT 2003, section 5 (MSet-Add-Hash)
 */
export class PayloadDigest {
  readonly #mac: Chaskey;
  /** The lower word first. */
  readonly #sum = new Uint32Array(2);

  /** @param secret of the store, 16 bytes */
  constructor(secret: Uint8Array) {
    this.#mac = new Chaskey(derivedKey(secret, 'key of payload digests'));
  }

  /** @param start offset of the quote before the member's name; `end`: behind its value */
  add(bytes: Uint8Array, start: number, end: number): void {
    const tag = this.#mac.mac(bytes, start, end);
    const sum = this.#sum;
    const low = (sum[0]! + tag[0]!) >>> 0;
    const carry = low < tag[0]! >>> 0 ? 1 : 0;
    sum[0] = low;
    sum[1] = sum[1]! + tag[1]! + carry;
  }

  /** Starts anew. */
  reset(): void {
    this.#sum.fill(0);
  }

  /** Writes the sum as 2 words, the lower one first. */
  write(digests: Uint32Array, at: number): void {
    digests[at] = this.#sum[0]!;
    digests[at + 1] = this.#sum[1]!;
  }
}

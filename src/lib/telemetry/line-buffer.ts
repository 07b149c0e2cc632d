import { MAX_LINE_BYTES } from './message.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const FIRST_BYTES = 64 * 1024;

/** Makes lines of messages that arrive one by one, until somebody takes them. */
export class LineBuffer {
  #bytes = new Uint8Array(FIRST_BYTES);
  #end = 0;
  #lines = 0;

  get byteLength(): number {
    return this.#end;
  }

  /** Lines added since the last `take`. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * A raw line feed or carriage return in valid JSON is white space, and becomes a space. Of a message beyond the limit
   * only as much is kept as shows that it is too long.
   */
  add(message: Uint8Array): void {
    const line = message.length > MAX_LINE_BYTES ? message.subarray(0, MAX_LINE_BYTES + 1) : message;
    const start = this.#end;
    const end = start + line.length;
    if (end + 1 > this.#bytes.length) this.#grow(end + 1);
    this.#bytes.set(line, start);
    this.#blank(line, start, LINE_FEED);
    this.#blank(line, start, CARRIAGE_RETURN);
    this.#bytes[end] = LINE_FEED;
    this.#end = end + 1;
    this.#lines++;
  }

  /** All lines, in memory of their own that may be transferred. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#end);
    this.#end = 0;
    this.#lines = 0;
    return taken;
  }

  #blank(line: Uint8Array, start: number, byte: number): void {
    for (let at = line.indexOf(byte); at !== -1; at = line.indexOf(byte, at + 1)) this.#bytes[start + at] = SPACE;
  }

  #grow(neededBytes: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, neededBytes));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}

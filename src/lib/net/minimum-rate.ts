/**
 * Notices a server that keeps a connection alive with a few bytes now and then (slow retrieval, TUF specification
 * section 1.5.2). Only time spent waiting for the server counts, not time spent writing to disk.
 */
export class MinimumRate {
  readonly #bytesPerSecond: number;
  readonly #windowMs: number;
  #waitedMs = 0;
  #receivedBytes = 0;

  constructor(bytesPerSecond: number, windowMs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#windowMs = windowMs;
  }

  /**
   * Counts one piece of the body.
   *
   * @returns the rate in bytes a second when a whole window was slower than allowed, else undefined
   */
  tooSlowAfter(receivedBytes: number, waitedMs: number): number | undefined {
    this.#receivedBytes += receivedBytes;
    this.#waitedMs += waitedMs;
    if (this.#waitedMs < this.#windowMs) return undefined;
    const rate = (this.#receivedBytes * 1000) / this.#waitedMs;
    this.#receivedBytes = 0;
    this.#waitedMs = 0;
    return rate < this.#bytesPerSecond ? rate : undefined;
  }
}

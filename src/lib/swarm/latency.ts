/** Two buckets differ by this factor: percentiles are exact to 2 %. */
const GROWTH = 1.02;
const LOG_GROWTH = Math.log(GROWTH);
/** Everything below counts as this, milliseconds. */
const SMALLEST_MS = 0.05;
/** Up to ten minutes. */
const BUCKETS = Math.ceil(Math.log(600_000 / SMALLEST_MS) / LOG_GROWTH);

export interface LatencyReport {
  count: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** How long things took, in constant memory. */
export class Latency {
  readonly #buckets = new Uint32Array(BUCKETS + 1);
  #count = 0;
  #maxMs = 0;

  add(durationMs: number): void {
    const bucket = Math.ceil(Math.log(Math.max(durationMs, SMALLEST_MS) / SMALLEST_MS) / LOG_GROWTH);
    this.#buckets[Math.min(bucket, BUCKETS)]!++;
    this.#count++;
    if (durationMs > this.#maxMs) this.#maxMs = durationMs;
  }

  /** What `share` of all took at most, milliseconds. */
  #percentile(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (let bucket = 0; bucket <= BUCKETS; bucket++) {
      left -= this.#buckets[bucket]!;
      if (left <= 0) return Math.min(SMALLEST_MS * GROWTH ** bucket, this.#maxMs);
    }
    return this.#maxMs;
  }

  get count(): number {
    return this.#count;
  }

  report(): LatencyReport {
    const rounded = (valueMs: number) => Math.round(valueMs * 100) / 100;
    return {
      count: this.#count,
      p50Ms: this.#count === 0 ? 0 : rounded(this.#percentile(0.5)),
      p95Ms: this.#count === 0 ? 0 : rounded(this.#percentile(0.95)),
      p99Ms: this.#count === 0 ? 0 : rounded(this.#percentile(0.99)),
      maxMs: rounded(this.#maxMs),
    };
  }
}

/** Room for the messages of a chunk, in columns that grow together. */
export class MessageColumns {
  count = 0;
  starts: Uint32Array<ArrayBuffer>;
  ends: Uint32Array<ArrayBuffer>;
  idStarts: Uint32Array<ArrayBuffer>;
  idEnds: Uint32Array<ArrayBuffer>;
  keys: Uint32Array<ArrayBuffer>;
  digests: Uint32Array<ArrayBuffer>;
  timestamps: Float64Array<ArrayBuffer>;

  /** @param capacity messages that there is room for at first */
  constructor(capacity: number, digestWords: 0 | 2) {
    this.starts = new Uint32Array(capacity);
    this.ends = new Uint32Array(capacity);
    this.idStarts = new Uint32Array(capacity);
    this.idEnds = new Uint32Array(capacity);
    this.keys = new Uint32Array(4 * capacity);
    this.digests = new Uint32Array(digestWords * capacity);
    this.timestamps = new Float64Array(capacity);
  }

  /** Makes room for one more. */
  reserve(): void {
    if (this.count < this.starts.length) return;
    this.starts = doubled(this.starts);
    this.ends = doubled(this.ends);
    this.idStarts = doubled(this.idStarts);
    this.idEnds = doubled(this.idEnds);
    this.keys = doubled(this.keys);
    this.digests = doubled(this.digests);
    const times = new Float64Array(2 * this.timestamps.length);
    times.set(this.timestamps);
    this.timestamps = times;
  }
}

function doubled(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(2 * words.length);
  more.set(words);
  return more;
}

/** Settings remembered for each codec. */
const KEPT = 8;
/** Streams in a row that no settings made, after which the rest of that codec's are not tried. */
const HOPE = 32;

/** Settings that served before, for streams of the same codec that follow: neighbours are mostly made alike. */
export class LikelySettings {
  readonly #byCodec = new Map<string, { settings: Uint8Array[]; failures: number }>();

  /** The ones that served last come first. */
  of(codec: string): readonly Uint8Array[] {
    return this.#byCodec.get(codec)?.settings ?? [];
  }

  isHopeful(codec: string): boolean {
    return (this.#byCodec.get(codec)?.failures ?? 0) < HOPE;
  }

  /** @param settings undefined when none made the stream */
  learn(codec: string, settings: Uint8Array | undefined): void {
    const known = this.#byCodec.get(codec) ?? { settings: [], failures: 0 };
    this.#byCodec.set(codec, known);
    if (settings === undefined) known.failures++;
    else {
      const others = known.settings.filter((one) => Buffer.compare(one, settings) !== 0);
      known.settings = [settings, ...others].slice(0, KEPT);
      known.failures = 0;
    }
  }
}

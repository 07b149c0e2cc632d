/** Bytes that can be read by position: a file, a region of one, or memory. */
export interface RandomAccess {
  /** What a person would call it: a path or a name inside a package. */
  readonly name: string;
  /** Size, bytes. */
  readonly size: number;
  /**
   * Fills `into` from `position` and returns how many bytes were read: fewer
   * than `into.byteLength` only at the end.
   */
  read(into: Uint8Array, position: number): Promise<number>;
  /**
   * As {@link read}, without waiting: for many small reads, where handing each to a thread costs more than the
   * read itself. Absent where the bytes may be far away.
   */
  readSync?(into: Uint8Array, position: number): number;
}

/** A file that only grows at its end, or is read. */
export interface DurableFile {
  /** Bytes, those included that were appended and not synced yet. */
  readonly size: number;
  /**
   * Fills `into` from `position` and returns the bytes read: fewer only at the end of the file.
   * Synchronous: a look-up that waits for the event loop costs ten times the read.
   */
  read(into: Uint8Array, position: number): number;
  /** Adds all parts at the end, in order. One call at a time. */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /** Makes what was appended outlive a power cut (fdatasync). A failed sync is never tried again: writes may be lost. */
  sync(): Promise<void>;
  /** Cuts the file to `size` bytes, at most its present size. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Everything that the telemetry store and its file output do to what outlives a crash.
 *
 * Appended bytes are durable after `sync` of their file, a name (created, linked, renamed, removed)
 * after `syncDirectory`; before that a power cut may keep any part of it, in any order.
 *
 * All methods throw OtaError NO_SPACE, IO_FAILED, PERMISSION_DENIED, OUTPUT_EXISTS, OUTPUT_SYMLINK for a symlink in
 * the place of a file that is to be written, and NOT_FOUND for a missing file.
 */
export interface DurableFs {
  /** Names in a directory, sorted; none where there is no such directory. */
  list(directory: string): Promise<string[]>;
  /** `append` makes a missing file (mode 0600) and starts at its end. */
  open(path: string, mode: 'read' | 'append'): Promise<DurableFile>;
  /** With missing parents; mode 0700. Durable at once: the names of all that were made are synced. */
  makeDirectory(directory: string): Promise<void>;
  /** Gives the file a second name, which must be free; a synced copy where the file system cannot link. */
  link(existing: string, name: string): Promise<void>;
  /** Replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing where there is no such file. */
  remove(path: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
}

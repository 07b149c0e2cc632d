/**
 * Everything a device does to what outlives a power cut, in one flat folder of files. Slots and boot
 * control blocks are files that stand for flash: they are erased and then written.
 *
 * A write is durable after `sync` of its file, a name (created, renamed, removed) after
 * `syncDirectory`; before that a power cut may keep any part of it, in any order.
 *
 * All methods throw OtaError NO_SPACE, IO_FAILED, PERMISSION_DENIED, and NOT_FOUND for a missing
 * file. A failed `sync` says that writes may be lost: it is never tried again.
 */
export interface DeviceFs {
  /** Names of all files, sorted. */
  list(): Promise<string[]>;
  /** Bytes; undefined where there is no such file. */
  size(name: string): Promise<number | undefined>;
  /** Fills `into` and returns the bytes read: fewer only at the end of the file. */
  read(name: string, into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes`. Creates the file; `position` is at most its size. */
  write(name: string, position: number, bytes: Uint8Array): Promise<void>;
  /** Sets `length` bytes to the erased value of the flash. Creates the file; `position` is at most its size. */
  erase(name: string, position: number, length: number): Promise<void>;
  truncate(name: string, size: number): Promise<void>;
  sync(name: string): Promise<void>;
  /** Replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing where there is no such file. */
  remove(name: string): Promise<void>;
  syncDirectory(): Promise<void>;
}

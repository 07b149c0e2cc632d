/** What the first answer told about the whole file; an answer that resumes must agree with it. */
export interface KnownFile {
  /** The address it was asked from, as it may be printed. */
  source: string;
  /** Strong, as `strongEtag` gives it. Without one nothing is resumed. */
  etag?: string | undefined;
  totalBytes?: number | undefined;
  /** What the server announced for the whole, 64 lowercase hex digits. */
  sha256?: string | undefined;
}

/** The place a download fills. It may hold the first bytes already, from an earlier attempt or an earlier run. */
export interface DownloadTarget {
  /** Bytes held. */
  readonly size: number;
  /** The file they are the beginning of; undefined when none was begun. */
  readonly known: KnownFile | undefined;
  /** Forgets everything held and known. */
  clear(): Promise<void>;
  /** Forgets everything held and known, and begins this file. */
  begin(known: KnownFile): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** SHA-256 of the bytes held, 64 lowercase hex digits. */
  sha256(): Promise<string>;
}

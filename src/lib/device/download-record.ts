import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { STRONG_ETAG } from '../net/answer.js';
import type { DeviceFs } from './device-fs.js';
import { readWhole, writeWhole } from './whole-file.js';

/** What a device remembers of a package on its way. */
export const DOWNLOAD_RECORD = 'download.json';

const MAX_RECORD_BYTES = 64 * 1024;

const bytes = z.int().check(z.minimum(0));

const downloadRecord = z.object({
  /** Its address without what may be secret in it, or the name it was given. */
  source: z.string(),
  etag: z.string().check(z.regex(STRONG_ETAG)),
  totalBytes: z.optional(bytes),
  /** What the server announced for the whole. */
  sha256: z.optional(z.string().check(z.regex(/^[0-9a-f]{64}$/))),
  /** Synced before this was written. */
  receivedBytes: bytes,
});

export type DownloadRecord = z.output<typeof downloadRecord>;

/**
 * Reads the record. Nothing depends on it but the bytes that are fetched again, so whatever cannot be read counts as
 * absent.
 */
export async function readDownloadRecord(fs: DeviceFs): Promise<DownloadRecord | undefined> {
  try {
    const raw = await readWhole(fs, DOWNLOAD_RECORD, MAX_RECORD_BYTES, 'record of a download');
    if (raw === undefined) return undefined;
    const value = parseStrictJson(raw, { name: DOWNLOAD_RECORD, maxBytes: MAX_RECORD_BYTES });
    return checkSchema(downloadRecord, value, { code: 'IO_FAILED', name: DOWNLOAD_RECORD });
  } catch (error) {
    if (error instanceof OtaError) return undefined;
    throw error;
  }
}

/** @throws OtaError as DeviceFs does */
export async function writeDownloadRecord(fs: DeviceFs, record: DownloadRecord): Promise<void> {
  const { source, etag, totalBytes, sha256, receivedBytes } = record;
  await writeWhole(
    fs,
    DOWNLOAD_RECORD,
    canonicalJson({
      source,
      etag,
      ...(totalBytes !== undefined && { totalBytes }),
      ...(sha256 !== undefined && { sha256 }),
      receivedBytes,
    }),
  );
}

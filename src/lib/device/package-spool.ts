import { formatByteSize } from '../core/byte-size.js';
import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { sha256OfAccess } from '../core/sha256.js';
import { escapeText } from '../core/text.js';
import type { DownloadTarget, KnownFile } from '../net/download-target.js';
import type { DeviceFs } from './device-fs.js';
import { DOWNLOAD_RECORD, readDownloadRecord, writeDownloadRecord } from './download-record.js';

const DOWNLOAD_DATA = 'download.part';

/** Received bytes that a power cut may cost. */
const SYNC_BYTES = 256 * 1024;

/**
 * A package on its way to a device. What has arrived is remembered over a power cut: data is synced before the record
 * that counts it is written, and whatever lies beyond that count is cut off when the spool is opened again.
 *
 * Only a file with a strong ETag is recorded, for nothing else could be resumed.
 */
export class PackageSpool implements DownloadTarget {
  readonly #fs: DeviceFs;
  readonly #maxBytes: number;
  #known: KnownFile | undefined;
  #size = 0;
  #recordedBytes = 0;
  /** A write or a sync is under way or has failed: what is on the disk is what the last record says. */
  #unsure = false;

  private constructor(fs: DeviceFs, maxBytes: number) {
    this.#fs = fs;
    this.#maxBytes = maxBytes;
  }

  /**
   * Opens the spool of a device with what an earlier run has left. A record that cannot be read, or counts more than
   * there is, starts from nothing.
   *
   * @param maxBytes the device's room for a package
   * @throws OtaError as DeviceFs does
   */
  static async open(fs: DeviceFs, { maxBytes }: { maxBytes: number }): Promise<PackageSpool> {
    const spool = new PackageSpool(fs, maxBytes);
    const record = await readDownloadRecord(fs);
    const dataBytes = await fs.size(DOWNLOAD_DATA);
    if (record === undefined || dataBytes === undefined || dataBytes < record.receivedBytes) {
      if (dataBytes !== undefined || (await fs.size(DOWNLOAD_RECORD)) !== undefined) await spool.clear();
      return spool;
    }
    const { receivedBytes, ...known } = record;
    // Never synced as far as anybody knows: a torn write may have left anything there.
    if (dataBytes > receivedBytes) await fs.truncate(DOWNLOAD_DATA, receivedBytes);
    spool.#known = known;
    spool.#size = receivedBytes;
    spool.#recordedBytes = receivedBytes;
    return spool;
  }

  get size(): number {
    return this.#size;
  }

  get known(): KnownFile | undefined {
    return this.#known;
  }

  /** @throws OtaError DOES_NOT_FIT when the file is announced larger than the room; as DeviceFs does */
  async begin(known: KnownFile): Promise<void> {
    const { source, totalBytes } = known;
    if (totalBytes !== undefined && totalBytes > this.#maxBytes) {
      throw new OtaError(
        'DOES_NOT_FIT',
        `${escapeText(source)}: has ${formatByteSize(totalBytes)}, the device has room for ${formatByteSize(this.#maxBytes)}`,
        ['Split the package with `ota pack --split`, so that it carries what this device needs.'],
      );
    }
    await this.clear();
    this.#known = known;
  }

  /** @throws OtaError LIMIT_EXCEEDED beyond the room; as DeviceFs does */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#size + bytes.byteLength > this.#maxBytes) {
      const room = formatByteSize(this.#maxBytes);
      throw new OtaError('LIMIT_EXCEEDED', `${escapeText(this.#name)}: more than ${room}, the room of the device`);
    }
    this.#unsure = true;
    await this.#fs.write(DOWNLOAD_DATA, this.#size, bytes);
    this.#unsure = false;
    this.#size += bytes.byteLength;
    if (this.#size - this.#recordedBytes >= SYNC_BYTES) await this.#record();
  }

  /** Everything has arrived. */
  async finish(): Promise<void> {
    if (this.#known === undefined || this.#known.totalBytes === this.#size) return this.keep();
    this.#known = { ...this.#known, totalBytes: this.#size };
    await this.#record();
  }

  /**
   * Makes durable what has arrived, so that another run goes on from there. After a failure of the disk nothing is
   * done: a sync that failed once would succeed without the bytes it has lost.
   */
  async keep(): Promise<void> {
    if (!this.#unsure && this.#size > this.#recordedBytes) await this.#record();
  }

  async clear(): Promise<void> {
    this.#known = undefined;
    this.#size = 0;
    this.#recordedBytes = 0;
    // The record goes first, and for good: it must never count bytes of another file.
    await this.#fs.remove(DOWNLOAD_RECORD);
    await this.#fs.syncDirectory();
    await this.#fs.remove(DOWNLOAD_DATA);
    this.#unsure = false;
  }

  /** The bytes held, as they are now; valid until the next change. */
  access(): RandomAccess {
    const size = this.#size;
    return {
      name: this.#name,
      size,
      read: async (into, position) => {
        const wanted = Math.min(into.byteLength, Math.max(0, size - position));
        return wanted === 0 ? 0 : this.#fs.read(DOWNLOAD_DATA, into.subarray(0, wanted), position);
      },
    };
  }

  sha256(): Promise<string> {
    return sha256OfAccess(this.access());
  }

  get #name(): string {
    return this.#known?.source ?? DOWNLOAD_DATA;
  }

  async #record(): Promise<void> {
    const { source, etag, totalBytes, sha256 } = this.#known ?? {};
    if (source === undefined || etag === undefined) return;
    this.#unsure = true;
    await this.#fs.sync(DOWNLOAD_DATA);
    await writeDownloadRecord(this.#fs, { source, etag, totalBytes, sha256, receivedBytes: this.#size });
    this.#unsure = false;
    this.#recordedBytes = this.#size;
  }
}

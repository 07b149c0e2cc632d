import { hash } from 'node:crypto';
import type { DownloadTarget, KnownFile } from '../../../src/lib/net/download-target.js';

/** A target in memory that a test can put into any state. */
export class MemoryTarget implements DownloadTarget {
  bytes: Buffer = Buffer.alloc(0);
  known: KnownFile | undefined;

  get size(): number {
    return this.bytes.length;
  }

  async clear() {
    this.bytes = Buffer.alloc(0);
    this.known = undefined;
  }

  async begin(known: KnownFile) {
    await this.clear();
    this.known = known;
  }

  async append(bytes: Uint8Array) {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }

  async sha256() {
    return hash('sha256', this.bytes);
  }
}

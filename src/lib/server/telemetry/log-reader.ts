import { isDamage, sqliteFailure } from '../database/sqlite-failure.js';
import { type GenerationFile, listGenerations, openToRead } from './generation-file.js';
import { GenerationReader } from './generation-reader.js';
import { SampleTally } from './sample-tally.js';
import type { LogRead, LogSample, PageRequest, ReadRequest, SampleRequest, StoredMessage } from './telemetry-log.js';

/** Files that are kept open; there are rarely more. */
const OPEN_FILES = 64;

/** Reads all files of a log. It sees what is durable, and finds new files and those that went by itself. */
export class LogReader {
  readonly #directory: string;
  readonly #open = new Map<string, GenerationReader>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param lastSeq the newest message that is durable */
  read(request: ReadRequest, lastSeq: number): LogRead {
    const { after } = request;
    if (after >= lastSeq) return { messages: [], position: after };
    const generations = this.#generations();
    const oldest = generations[0];
    if (oldest !== undefined && after + 1 < oldest.firstSeq) {
      const to = oldest.firstSeq - 1;
      return { messages: [], position: to, gap: { from: after + 1, to, cause: 'aged' } };
    }
    let position = after;
    for (const file of generations) {
      const end = Math.min(file.lastSeq, lastSeq);
      if (end <= position) continue;
      const read = this.#from(file, (reader) => reader.read({ ...request, after: position, upTo: end }));
      if (read === undefined)
        return { messages: [], position: end, gap: { from: position + 1, to: end, cause: 'damaged' } };
      if (read.messages.length > 0 || read.gap !== undefined) return read;
      position = read.position;
    }
    return { messages: [], position };
  }

  page(request: PageRequest): StoredMessage[] {
    const sign = request.order === 'newest' ? -1 : 1;
    const found = this.#generations().flatMap((file) => this.#from(file, (reader) => reader.page(request)) ?? []);
    return found.sort((a, b) => sign * (a.time - b.time || a.seq - b.seq)).slice(0, request.limit);
  }

  sample({ tenantId, devices, path, perDevice }: SampleRequest): LogSample {
    const tally = new SampleTally(path);
    const generations = this.#generations().reverse();
    for (const { name, after } of devices) {
      const lines: string[] = [];
      let total = 0;
      for (const file of generations) {
        if (file.lastSeq <= after) break;
        const asked = { tenantId, device: name, after, limit: perDevice - lines.length };
        const found = this.#from(file, (reader) => reader.newestLines(asked));
        total += found?.total ?? 0;
        lines.push(...(found?.lines ?? []));
      }
      tally.add(total, lines);
    }
    return tally.result();
  }

  seqBefore(time: number, lastSeq: number): number {
    for (const file of this.#generations()) {
      const first = this.#from(file, (reader) => reader.firstSince(time));
      if (first !== undefined) return first - 1;
    }
    return lastSeq;
  }

  close(): void {
    for (const reader of this.#open.values()) reader.close();
    this.#open.clear();
  }

  /** Those that are gone are closed: what they take on the disk is free then. */
  #generations(): GenerationFile[] {
    const generations = listGenerations(this.#directory);
    if (this.#open.size > generations.length || this.#open.size > OPEN_FILES) this.close();
    return generations;
  }

  /** Undefined for a file that cannot be opened as what it should be, or has just gone. */
  #from<T>({ path }: GenerationFile, work: (reader: GenerationReader) => T): T | undefined {
    try {
      let reader = this.#open.get(path);
      if (reader === undefined) {
        reader = new GenerationReader(openToRead(path));
        this.#open.set(path, reader);
      }
      return work(reader);
    } catch (error) {
      if (isDamage(error)) return undefined;
      if (!listGenerations(this.#directory).some((file) => file.path === path)) return undefined;
      throw sqliteFailure(error, path);
    }
  }
}

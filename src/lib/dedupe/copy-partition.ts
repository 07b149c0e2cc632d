import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { throwIfAborted } from '../core/abort.js';
import type { DurableFile, DurableFs } from '../core/durable-fs.js';
import { openIfThere } from '../core/durable-read.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { type GenerationFile, listGenerations } from './generation-files.js';
import { scanLog } from './scan-log.js';
import type { DamagedBlock } from './store.js';

const COPY_BYTES = 2 ** 20;
/** Each means that the oldest generation aged, or the writer rolled back; more than this is no coincidence. */
const MAX_ATTEMPTS = 20;

export interface CopiedPartition {
  readonly files: number;
  readonly bytes: number;
  /** Damage in logs; sealed generations are not read. */
  readonly damage: readonly DamagedBlock[];
}

/**
 * Copies a partition as it stands at one moment, also while another process writes to it: sealed
 * generations get a second name, of logs all whole frames are copied. `to` must exist and hold none.
 *
 * @throws OtaError LOCKED when it never stood still long enough; those of DurableFs; INTERRUPTED, TERMINATED
 */
export async function copyPartition(
  from: string,
  to: string,
  { fs, signal }: { fs: DurableFs; signal?: AbortSignal },
): Promise<CopiedPartition> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    throwIfAborted(signal);
    const copied = await tryToCopy(from, to, fs, signal);
    if (copied !== undefined) {
      await fs.syncDirectory(to);
      return copied;
    }
    await removeGenerations(to, fs);
  }
  throw new OtaError('LOCKED', `${escapeText(from)}: changes faster than it can be copied`, [
    'Run again when less is written.',
  ]);
}

/** Empties a partition that was not copied as a whole. */
export async function removeGenerations(directory: string, fs: DurableFs): Promise<void> {
  for (const { name } of await listGenerations(directory, fs)) await fs.remove(join(directory, name));
}

/**
 * Takes over all generations that are there now, the oldest first: it is the one that may age.
 *
 * @returns undefined when what is there now cannot be what was copied
 */
async function tryToCopy(
  from: string,
  to: string,
  fs: DurableFs,
  signal: AbortSignal | undefined,
): Promise<CopiedPartition | undefined> {
  const copies = new Map<number, CopiedFile>();
  const start = await listGenerations(from, fs);
  let files = start;
  const newest = files.at(-1)?.generation ?? 0;
  // What a writer seals or drops meanwhile is looked for again.
  for (let todo = start; todo.length > 0; ) {
    for (const file of todo) {
      throwIfAborted(signal);
      const copy = await copyFile(file, join(from, file.name), join(to, file.name), fs);
      if (copy !== undefined) copies.set(file.generation, copy);
    }
    files = await listGenerations(from, fs);
    todo = files.filter(({ generation }) => generation <= newest && !copies.has(generation));
  }
  // Where nothing changed, what is missing is missing in the store.
  const isUnchanged = names(files) === names(start);
  if (!isUnchanged && !(isWhole(copies, start) && isStill(copies, files))) return undefined;
  return {
    files: copies.size,
    bytes: [...copies.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    damage: [...copies.values()].flatMap(({ damage }) => damage),
  };
}

function names(files: readonly GenerationFile[]): string {
  return files.map(({ name }) => name).join();
}

function isWhole(copies: ReadonlyMap<number, CopiedFile>, wanted: readonly GenerationFile[]): boolean {
  return wanted.every(({ generation }) => copies.has(generation));
}

/**
 * Whether what was copied was there at one time: since then logs may have become segments, and the
 * oldest may have aged. A segment that became a log again was rolled back.
 */
function isStill(copies: ReadonlyMap<number, CopiedFile>, present: readonly GenerationFile[]): boolean {
  const kinds = new Map(present.map(({ generation, kind }) => [generation, kind]));
  const oldest = present[0]?.generation ?? 0;
  return [...copies].every(([generation, { kind }]) => {
    const now = kinds.get(generation);
    return generation < oldest || now === kind || (kind === 'log' && now === 'segment');
  });
}

interface CopiedFile {
  readonly kind: GenerationFile['kind'];
  readonly bytes: number;
  readonly damage: readonly DamagedBlock[];
}

/** @returns undefined when the file has gone, or was cut back meanwhile */
async function copyFile(
  file: GenerationFile,
  from: string,
  to: string,
  fs: DurableFs,
): Promise<CopiedFile | undefined> {
  if (file.kind === 'segment') {
    if (!(await linkIfThere(from, to, fs))) return undefined;
    const linked = await fs.open(to, 'read');
    await linked.close();
    return { kind: 'segment', bytes: linked.size, damage: [] };
  }
  const source = await openIfThere(fs, from);
  if (source === undefined) return undefined;
  try {
    return await copyLog(source, file, to, fs);
  } finally {
    await source.close();
  }
}

async function linkIfThere(from: string, to: string, fs: DurableFs): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

/** A log goes on growing, so it cannot be shared. */
async function copyLog(
  source: DurableFile,
  { name, generation }: GenerationFile,
  to: string,
  fs: DurableFs,
): Promise<CopiedFile | undefined> {
  const { end, damage } = scanLog(source, { file: name, generation }, () => {});
  const target = await fs.open(to, 'append');
  try {
    let copied = 0;
    for (const part of parts(source, end)) {
      copied = crc32(part, copied);
      await target.append([part]);
    }
    await target.sync();
    // Cut back and written again while it was read?
    let present = 0;
    for (const part of parts(source, end)) present = crc32(part, present);
    if (target.size !== end || present !== copied) {
      await fs.remove(to);
      return undefined;
    }
    return { kind: 'log', bytes: end, damage };
  } finally {
    await target.close();
  }
}

/** The first bytes of a file, in pieces that are valid until the next one is asked for. */
function* parts(file: DurableFile, end: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(COPY_BYTES, end));
  for (let at = 0; at < end; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, end - at));
    const got = file.read(part, at);
    yield part.subarray(0, got);
    if (got < part.length) return;
  }
}

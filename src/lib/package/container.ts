import { OtaError } from '../core/errors.js';
import { region } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { escapeText } from '../core/text.js';
import { BLOCK_BYTES, paddingBytes, ustarNameAndSize } from './ustar.js';

/** Limits that hold before anything is trusted. Sizes in bytes. */
export const CONTAINER_LIMITS = {
  containerBytes: 64 * 1024 ** 3,
  metadataBytes: 1024 ** 2,
  signatureBytes: 16 * 1024,
  rootBytes: 1024 ** 2,
  roots: 64,
  payloads: 256,
} as const;

/** A payload as it lies in the container; nothing about it is verified yet. */
export interface ContainerPayload {
  /** Name of the entry. */
  file: string;
  data: RandomAccess;
}

/** A trust root that travels with the package. */
export interface ContainerRoot {
  /** N of `root.N.json`. */
  version: number;
  bytes: Buffer;
}

/** The parts of a package file whose framing is sound. Nothing in it is authenticated. */
export interface Container {
  name: string;
  /** Exact bytes of `metadata.json`; their SHA-256 is the package digest. */
  metadataBytes: Buffer;
  /** Exact bytes of `signature.json`. */
  signatureBytes: Buffer;
  /** In order of version, without gaps. */
  roots: ContainerRoot[];
  /** In the order of the file. */
  payloads: ContainerPayload[];
}

interface Entry {
  name: string;
  offset: number;
  size: number;
}

const ROOT_NAME = /^root\.([1-9][0-9]{0,8})\.json$/;
const PAYLOAD_NAME = /^[a-z0-9][a-z0-9-]*-(?:full|[0-9a-f]{8})\.[a-z0-9-]+$/;

/**
 * Reads the framing of a package: order, names, headers, padding, end.
 *
 * @param source the whole container, seekable
 * @throws OtaError CONTAINER_INVALID: any byte of the framing is not the one a
 *   writer must write; LIMIT_EXCEEDED: a size or count above {@link CONTAINER_LIMITS}
 * @see docs/package-format.md, "Container"
 */
export async function openContainer(source: RandomAccess): Promise<Container> {
  const { name } = source;
  if (source.size > CONTAINER_LIMITS.containerBytes) {
    throw tooLarge(name, 'the package', source.size, CONTAINER_LIMITS.containerBytes);
  }
  if (source.size === 0) throw invalid(name, 'it is empty');
  const entries = await readEntries(source);
  const metadata = expectEntry(name, entries[0], 'metadata.json', 'first');
  const signature = expectEntry(name, entries[1], 'signature.json', 'second');
  const metadataBytes = await readEntry(source, metadata, CONTAINER_LIMITS.metadataBytes);
  const signatureBytes = await readEntry(source, signature, CONTAINER_LIMITS.signatureBytes);

  const rootEntries = entries.slice(2).filter((entry) => ROOT_NAME.test(entry.name));
  const payloadEntries = entries.slice(2 + rootEntries.length);
  if (rootEntries.length > CONTAINER_LIMITS.roots) {
    throw tooLarge(name, 'the number of trust roots', rootEntries.length, CONTAINER_LIMITS.roots);
  }
  const roots: ContainerRoot[] = [];
  for (const [index, entry] of entries.slice(2, 2 + rootEntries.length).entries()) {
    const version = Number(ROOT_NAME.exec(entry.name)?.[1]);
    const expected = (roots[0]?.version ?? version) + index;
    if (version !== expected) {
      throw invalid(name, `"${escapeText(entry.name)}" stands where root.${expected || 'N'}.json belongs`);
    }
    roots.push({ version, bytes: await readEntry(source, entry, CONTAINER_LIMITS.rootBytes) });
  }
  if (payloadEntries.length === 0) throw invalid(name, 'it holds no payload');
  const seen = new Set<string>();
  for (const entry of payloadEntries) {
    if (!PAYLOAD_NAME.test(entry.name)) {
      throw invalid(name, `"${escapeText(entry.name)}" is not a payload name, expected COMPONENT-BASE.FORMAT`);
    }
    if (seen.has(entry.name)) throw invalid(name, `"${entry.name}" stands in it twice`);
    seen.add(entry.name);
  }
  return {
    name,
    metadataBytes,
    signatureBytes,
    roots,
    payloads: payloadEntries.map((entry) => ({
      file: entry.name,
      data: region(source, `${name}:${entry.name}`, entry.offset, entry.size),
    })),
  };
}

/** Walks the headers to the two zero blocks and demands that the file ends there. */
async function readEntries(source: RandomAccess): Promise<Entry[]> {
  const maxEntries = 2 + CONTAINER_LIMITS.roots + CONTAINER_LIMITS.payloads;
  const entries: Entry[] = [];
  const block = Buffer.alloc(2 * BLOCK_BYTES);
  let position = 0;
  for (;;) {
    const got = await source.read(block, position);
    if (got < BLOCK_BYTES) throw truncated(source.name, position + got);
    const header = block.subarray(0, BLOCK_BYTES);
    if (isZero(header)) {
      if (got < block.length) throw truncated(source.name, position + got);
      if (!isZero(block)) throw invalid(source.name, `bytes other than zero follow its end at byte ${position}`);
      const end = position + block.length;
      if (end !== source.size) throw invalid(source.name, `${source.size - end} bytes follow its end at byte ${end}`);
      return entries;
    }
    const entry = ustarNameAndSize(header);
    if (entry === undefined) {
      throw invalid(source.name, `the header at byte ${position} is not the one its name and size would have`);
    }
    if (entries.length === maxEntries)
      throw tooLarge(source.name, 'the number of entries', entries.length + 1, maxEntries);
    const offset = position + BLOCK_BYTES;
    const padding = paddingBytes(entry.size);
    const next = offset + entry.size + padding;
    if (next > source.size) throw truncated(source.name, source.size);
    const tail = block.subarray(0, padding);
    await source.read(tail, offset + entry.size);
    if (!isZero(tail)) throw invalid(source.name, `the padding after ${escapeText(entry.name)} is not zero`);
    entries.push({ name: entry.name, offset, size: entry.size });
    position = next;
  }
}

async function readEntry(source: RandomAccess, entry: Entry, maxBytes: number): Promise<Buffer> {
  if (entry.size > maxBytes) throw tooLarge(source.name, entry.name, entry.size, maxBytes);
  const bytes = Buffer.alloc(entry.size);
  const got = await source.read(bytes, entry.offset);
  if (got < entry.size) throw truncated(source.name, entry.offset + got);
  return bytes;
}

function expectEntry(container: string, entry: Entry | undefined, expected: string, place: string): Entry {
  if (entry?.name === expected) return entry;
  const got = entry === undefined ? 'nothing' : `"${escapeText(entry.name)}"`;
  throw invalid(container, `its ${place} entry is ${got}, expected ${expected}`);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function invalid(name: string, fact: string): OtaError {
  return new OtaError('CONTAINER_INVALID', `${name}: not a valid package: ${fact}`, [
    'Download or build the package again; packages are made by `ota pack`.',
  ]);
}

function truncated(name: string, at: number): OtaError {
  return invalid(name, `it ends at byte ${at}, in the middle of its content`);
}

function tooLarge(name: string, what: string, got: number, limit: number): OtaError {
  return new OtaError('LIMIT_EXCEEDED', `${name}: ${what} is ${got}, the limit is ${limit}`);
}

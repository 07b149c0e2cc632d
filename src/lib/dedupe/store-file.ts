import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import type { DurableFs } from '../core/durable-fs.js';
import { openIfThere } from '../core/durable-read.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';

export const STORE_SPEC = 'ota-fleet-dedupe/1';
export const MAX_PARTITIONS = 10_000;
const STORE_FILE = 'store.json';
/** In the folder of each partition. */
export const LOCK_FILE = 'lock';
const MAX_STORE_FILE_BYTES = 64 * 1024;
/** Becomes the name of a folder. */
const TENANT = /^[A-Za-z0-9][\w.-]{0,63}$/;
const PARTITION_FOLDER = /^p\d{4}$/;

const storeFile = z.strictObject({
  spec: z.string(),
  tenant: z.string().check(z.regex(TENANT, 'expected the name of a tenant')),
  partitions: z.int().check(z.minimum(1), z.maximum(MAX_PARTITIONS)),
  /** `key`: by the mixed key; `source`: as the input was partitioned. */
  routing: z.enum(['key', 'source']),
  digestBytes: z.union([z.literal(0), z.literal(8)]),
  /** Members that do not count for the payload digest, sorted. */
  digestIgnore: z.array(z.string().check(z.maxLength(512))).check(z.maxLength(64)),
  /** For the keys; whoever knows it can choose ids that crowd one place. */
  secret: z.string().check(z.regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits')),
  sink: z.string().check(z.minLength(1), z.maxLength(8192)),
  /** That of all partitions together, as the store was last opened; a run that says nothing else keeps it. */
  window: z.optional(
    z.union([
      z.strictObject({ keys: z.int().check(z.minimum(1)) }),
      z.strictObject({ bytes: z.int().check(z.minimum(1)) }),
    ]),
  ),
});

const checkedFile = z.extend(storeFile, { checksum: z.string() });

/** What `store.json` says: the same for the life of a store, but for sink and window. */
export type StoreFile = z.infer<typeof storeFile>;

/** What a run expects of its store. */
export type StoreExpectation = Omit<StoreFile, 'spec' | 'secret' | 'window'>;

/** @throws OtaError USAGE */
export function tenantDirectory(directory: string, tenant: string): string {
  if (!TENANT.test(tenant)) {
    throw new OtaError(
      'USAGE',
      `tenant: ${escapeText(JSON.stringify(tenant))}, expected at most 64 letters, digits, dots, hyphens and underscores`,
      ['Begin it with a letter or digit.'],
    );
  }
  return join(directory, tenant);
}

/** `p0007`, in the tenant's directory. */
export function partitionFolder(partition: number): string {
  return `p${String(partition).padStart(4, '0')}`;
}

/** Numbers of the partitions that have a folder, ascending. */
export async function listPartitions(tenantDir: string, fs: DurableFs): Promise<number[]> {
  const names = await fs.list(tenantDir);
  return names.filter((name) => PARTITION_FOLDER.test(name)).map((name) => Number(name.slice(1)));
}

/**
 * @param isComplete  otherwise partitions may stand already
 * @returns undefined where nothing was stored yet
 * @throws OtaError STORE_DAMAGED, also where partitions stand without the file; STORE_MISMATCH for a later format
 */
export async function readStoreFile(
  tenantDir: string,
  fs: DurableFs,
  { isComplete = true } = {},
): Promise<StoreFile | undefined> {
  const path = join(tenantDir, STORE_FILE);
  const bytes = await readIfThere(path, fs);
  if (bytes === undefined) {
    if (isComplete && (await listPartitions(tenantDir, fs)).length > 0) throw secretIsLost(path);
    return undefined;
  }
  return parse(bytes, path);
}

/**
 * Makes the file if there is none; of several that make it at once, one does.
 *
 * @returns what the file says, which may be something else than is expected
 */
export async function readOrMakeStoreFile(
  tenantDir: string,
  expected: StoreExpectation,
  fs: DurableFs,
): Promise<StoreFile> {
  const present = await readStoreFile(tenantDir, fs);
  if (present !== undefined) return present;
  const made = { spec: STORE_SPEC, ...expected, secret: randomBytes(16).toString('hex') };
  return (await addStoreFile(tenantDir, made, fs)) ? made : ((await readStoreFile(tenantDir, fs)) ?? made);
}

/** @returns false when there is one already, which stays */
export async function addStoreFile(tenantDir: string, file: StoreFile, fs: DurableFs): Promise<boolean> {
  const aside = await writeAside(tenantDir, file, fs);
  try {
    await fs.link(aside, join(tenantDir, STORE_FILE));
    return true;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'OUTPUT_EXISTS') return false;
    throw error;
  } finally {
    await fs.remove(aside);
    await fs.syncDirectory(tenantDir);
  }
}

/** Binds the store to another sink, or gives it another window. */
export async function replaceStoreFile(tenantDir: string, file: StoreFile, fs: DurableFs): Promise<void> {
  const aside = await writeAside(tenantDir, file, fs);
  await fs.rename(aside, join(tenantDir, STORE_FILE));
  await fs.syncDirectory(tenantDir);
}

/**
 * All but the sink, which binds a store only once something came out.
 *
 * @param name of the store, for the message
 * @throws OtaError STORE_MISMATCH
 */
export function requireMatch(file: StoreFile, expected: StoreExpectation, name: string): void {
  const refuse = (what: string, suggestions: string[]) => {
    throw new OtaError('STORE_MISMATCH', `${escapeText(name)}: ${what}`, suggestions);
  };
  if (file.tenant !== expected.tenant) {
    // On a file system that does not tell A from a.
    refuse(`is the store of tenant ${file.tenant}, not of ${expected.tenant}`, ['Name another tenant or directory.']);
  }
  if (file.partitions !== expected.partitions) {
    refuse(`has ${file.partitions} partition${file.partitions === 1 ? '' : 's'}, not ${expected.partitions}`, [
      `Run with --partitions ${file.partitions}.`,
      'For another number build a new store from the output: `fleet dedupe rebuild STORE --from OUTPUT`.',
    ]);
  }
  if (file.routing !== expected.routing) {
    const routed = { key: 'by the ids themselves', source: 'as the Kafka topic is' };
    refuse(`is partitioned ${routed[file.routing]}, not ${routed[expected.routing]}`, ['Name another directory.']);
  }
  if (file.digestBytes !== expected.digestBytes) {
    refuse(`was made ${file.digestBytes > 0 ? 'with' : 'without'} payload digests`, [
      `Run ${file.digestBytes > 0 ? 'with' : 'without'} --payload-digest, or name another directory.`,
    ]);
  }
  if (file.digestBytes > 0 && file.digestIgnore.join('\0') !== expected.digestIgnore.join('\0')) {
    const listed = (names: readonly string[]) =>
      names.length > 0 ? names.map((n) => escapeText(n)).join(', ') : 'no member';
    refuse(`its payload digests ignore ${listed(file.digestIgnore)}, not ${listed(expected.digestIgnore)}`, [
      'Give the same --digest-ignore as when the store was made.',
    ]);
  }
}

/** @throws OtaError STORE_MISMATCH for a store that belongs to another output */
export function requireSink(file: StoreFile, sink: string, name: string): void {
  if (file.sink === sink) return;
  throw new OtaError(
    'STORE_MISMATCH',
    `${escapeText(name)}: belongs to the output ${sinkName(file.sink)}, not to ${sinkName(sink)}`,
    [
      'What this store drops came out there: give the same --to, or another --store.',
      'Add --new-output if the messages are to go on into the new output.',
    ],
  );
}

/** A path as somebody would type it. */
function sinkName(sink: string): string {
  return escapeText(sink.replace(/^file:/, ''));
}

async function writeAside(tenantDir: string, file: StoreFile, fs: DurableFs): Promise<string> {
  const path = join(tenantDir, `${STORE_FILE}.${randomUUID()}`);
  const open = await fs.open(path, 'append');
  try {
    const content = { ...file, checksum: checksumOf(file) };
    await open.append([Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`)]);
    await open.sync();
  } finally {
    await open.close();
  }
  return path;
}

async function readIfThere(path: string, fs: DurableFs): Promise<Uint8Array | undefined> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.alloc(Math.min(file.size, MAX_STORE_FILE_BYTES + 1));
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

function parse(bytes: Uint8Array, path: string): StoreFile {
  const value = parsedJson(bytes, path);
  const { spec } = checkSchema(z.object({ spec: z.string() }), value, { code: 'STORE_DAMAGED', name: path });
  if (spec !== STORE_SPEC) {
    throw new OtaError(
      'STORE_MISMATCH',
      `${escapeText(path)}: the format is ${escapeText(JSON.stringify(spec))}, expected ${STORE_SPEC}`,
      ['Use the version of this program that made the store, or another directory.'],
    );
  }
  const { checksum, ...file } = checkSchema(checkedFile, value, { code: 'STORE_DAMAGED', name: path });
  if (checksum !== checksumOf(file)) throw isChanged(path);
  return file;
}

function parsedJson(bytes: Uint8Array, path: string): JsonValue {
  try {
    return parseStrictJson(bytes, { name: path, maxBytes: MAX_STORE_FILE_BYTES });
  } catch (error) {
    if (error instanceof OtaError) throw damaged(path, 'is no JSON that was written here', error);
    throw error;
  }
}

/** CRC-32 of the canonical JSON: with another secret or other partitions no id would be found again, in silence. */
function checksumOf(file: StoreFile): string {
  return crc32(canonicalJson(file as unknown as JsonValue))
    .toString(16)
    .padStart(8, '0');
}

/** @throws OtaError NOT_FOUND where there is no store; as readStoreFile */
export async function requireStoreFile(tenantDir: string, fs: DurableFs): Promise<StoreFile> {
  const file = await readStoreFile(tenantDir, fs);
  if (file !== undefined) return file;
  throw new OtaError('NOT_FOUND', `${escapeText(tenantDir)}: holds no dedupe store`, [
    'Check directory and tenant: DIRECTORY/TENANT/store.json is expected.',
  ]);
}

function secretIsLost(path: string): OtaError {
  return damaged(path, 'is missing, and without its secret no id is found again');
}

function isChanged(path: string): OtaError {
  return damaged(path, 'its checksum is wrong: it was damaged, or changed by hand');
}

function damaged(path: string, what: string, cause?: Error): OtaError {
  const suggestions = [
    'Restore the store from a snapshot: `fleet dedupe restore STORE --from SNAPSHOT`.',
    'Or build a new one from the output: `fleet dedupe rebuild STORE --from OUTPUT --force`.',
  ];
  return new OtaError('STORE_DAMAGED', `${escapeText(path)}: ${what}`, suggestions, { cause });
}

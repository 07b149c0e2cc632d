import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { canonicalJson } from '../../core/canonical-json.js';
import { OtaError } from '../../core/errors.js';
import { readBounded } from '../../core/file-access.js';
import { checkSchema } from '../../core/schema.js';
import { type JsonValue, parseStrictJson } from '../../core/strict-json.js';

const SPEC = 'ota-fleet-backup/1';
const NAME = 'backup.json';
const MAX_BYTES = 256 * 1024 ** 2;
const MAX_VALUES = 8_000_000;

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** A path below the folder, with no way out of it. */
const path = z
  .string()
  .check(z.maxLength(256), z.regex(/^(?:[\w-][\w.-]*\/)*[\w-][\w.-]*$/, 'expected a path below the backup'));

const schema = z.object({
  spec: z.literal(SPEC),
  createdAt: z.iso.datetime(),
  /** Version of the program that made it. */
  version: z.string().check(z.maxLength(64)),
  files: z.array(z.object({ path, size: z.int().check(z.minimum(0)), sha256 })),
});

/** What a backup holds. It is written last, so a folder without one is no backup. */
export type Manifest = z.infer<typeof schema>;
export type BackupFile = Manifest['files'][number];

export function manifestOf(createdAt: Date, version: string, files: readonly BackupFile[]): Manifest {
  return { spec: SPEC, createdAt: createdAt.toISOString(), version, files: [...files] };
}

export function manifestFile(folder: string, manifest: Manifest): { path: string; bytes: Buffer } {
  return { path: join(folder, NAME), bytes: Buffer.from(canonicalJson(manifest as unknown as JsonValue)) };
}

/** @throws OtaError NOT_FOUND where there is no backup, STORE_DAMAGED for a manifest that is none */
export async function readManifest(folder: string): Promise<Manifest> {
  const name = join(folder, NAME);
  const bytes = await readBounded(name, MAX_BYTES, 'manifest of a backup');
  try {
    const value = parseStrictJson(bytes, { name, maxBytes: MAX_BYTES, maxValues: MAX_VALUES });
    return checkSchema(schema, value, { code: 'STORE_DAMAGED', name });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    throw new OtaError('STORE_DAMAGED', error.message, ['Use another backup.'], { cause: error });
  }
}

/** Every folder that the files lie in, below the backup, the innermost first. */
export function foldersOf(files: readonly BackupFile[]): string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].sort((one, other) => other.length - one.length);
}

/** Numbers in [0, 1). */
export type Random = () => number;

/** Smallest part of a file that a disk writes as a whole, bytes. */
const SECTOR_BYTES = 512;

export interface Disk {
  readonly directories: ReadonlySet<string>;
  /** Paths and the files they name; several may name one. */
  readonly names: ReadonlyMap<string, number>;
  readonly contents: ReadonlyMap<number, Uint8Array>;
}

export type DiskOperation =
  | { readonly kind: 'append'; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'sync'; readonly file: number }
  | {
      readonly kind: 'names';
      readonly directory: string;
      /** All or none of them: a rename removes one name and sets another. */
      readonly changes: readonly (readonly [path: string, file: number | undefined])[];
    }
  | { readonly kind: 'syncDirectory'; readonly directory: string }
  | { readonly kind: 'makeDirectory'; readonly directory: string };

export function emptyDisk(): Disk {
  return { directories: new Set(['/']), names: new Map(), contents: new Map() };
}

/** The disk with its cache after an operation. */
export function applied(disk: Disk, operation: DiskOperation): Disk {
  switch (operation.kind) {
    case 'append':
      return withContent(
        disk,
        operation.file,
        written(contentOf(disk, operation.file), operation.position, operation.bytes),
      );
    case 'truncate':
      return withContent(disk, operation.file, contentOf(disk, operation.file).subarray(0, operation.size));
    case 'names': {
      const names = new Map(disk.names);
      const contents = new Map(disk.contents);
      for (const [path, file] of operation.changes) {
        if (file === undefined) names.delete(path);
        else names.set(path, file);
        if (file !== undefined && !contents.has(file)) contents.set(file, new Uint8Array());
      }
      return { ...disk, names, contents };
    }
    case 'makeDirectory': {
      const directories = new Set(disk.directories);
      for (let path = operation.directory; path !== '/'; path = path.slice(0, path.lastIndexOf('/')) || '/') {
        directories.add(path);
      }
      return { ...disk, directories };
    }
    default:
      return disk;
  }
}

/**
 * What a power cut after these operations may leave, one of the possible ways: everything that was
 * synced, and any part of the rest in any order. Bytes that were not synced can be lost, torn at any
 * byte, or be there in some sectors only, while zeros, garbage or old parts of the file stand in the others.
 */
export function survivors(start: Disk, operations: readonly DiskOperation[], random: Random): Disk {
  const syncedFiles = new Map<number, number>();
  const syncedDirectories = new Map<string, number>();
  operations.forEach((operation, index) => {
    if (operation.kind === 'sync') syncedFiles.set(operation.file, index);
    if (operation.kind === 'syncDirectory') syncedDirectories.set(operation.directory, index);
  });
  // All lost, all kept, or each for itself: the extremes are what goes wrong most often.
  const fate = random();
  const survives = () => (fate < 0.15 ? 0 : fate < 0.3 ? 1 : random());
  let disk = start;
  operations.forEach((operation, index) => {
    const isSynced =
      'file' in operation
        ? index < (syncedFiles.get(operation.file) ?? -1)
        : operation.kind === 'names'
          ? index < (syncedDirectories.get(operation.directory) ?? -1)
          : true;
    const share = isSynced ? 1 : survives();
    if (operation.kind === 'append' && share < 1) disk = partlyAppended(disk, operation, share, random);
    else if (share >= 0.5) disk = applied(disk, operation);
    else if (operation.kind === 'names') disk = withFiles(disk, operation.changes);
  });
  return disk;
}

function partlyAppended(
  disk: Disk,
  { file, position, bytes }: Extract<DiskOperation, { kind: 'append' }>,
  share: number,
  random: Random,
): Disk {
  const content = contentOf(disk, file);
  if (share < 0.2) return disk;
  if (share < 0.5)
    return withContent(disk, file, written(content, position, bytes.subarray(0, random() * bytes.length)));
  if (share < 0.6) return withContent(disk, file, written(content, position, bytes));
  const torn = Uint8Array.from(bytes);
  const fill = random();
  for (let at = 0; at < torn.length; ) {
    const end = Math.min(torn.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
    if (random() < 0.5) {
      // What stood in this place of the disk before may be an earlier part of the same file.
      const stale = Math.floor((random() * content.length) / SECTOR_BYTES) * SECTOR_BYTES;
      for (let i = at; i < end; i++)
        torn[i] = fill < 0.5 ? 0 : fill < 0.7 ? random() * 256 : (content[stale + i - at] ?? 0);
    }
    at = end;
  }
  return withContent(disk, file, written(content, position, torn));
}

/** Files whose names were lost may still be written to and named again. */
function withFiles(disk: Disk, changes: Extract<DiskOperation, { kind: 'names' }>['changes']): Disk {
  const contents = new Map(disk.contents);
  for (const [, file] of changes) if (file !== undefined && !contents.has(file)) contents.set(file, new Uint8Array());
  return { ...disk, contents };
}

function contentOf(disk: Disk, file: number): Uint8Array {
  return disk.contents.get(file) ?? new Uint8Array();
}

function withContent(disk: Disk, file: number, bytes: Uint8Array): Disk {
  return { ...disk, contents: new Map(disk.contents).set(file, bytes) };
}

/** Zeros stand where nothing was ever written. */
function written(content: Uint8Array, position: number, bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.max(content.length, bytes.length === 0 ? 0 : position + bytes.length));
  result.set(content);
  result.set(bytes, position);
  return result;
}

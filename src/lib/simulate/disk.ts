import { hash } from 'node:crypto';
import { Content } from './content.js';

/** How the storage behaves. */
export interface Geometry {
  eraseBlockBytes: number;
  writeAlignmentBytes: number;
  erasedValue: number;
}

/** Names and what they lead to. Immutable, like all of this file: keeping a state costs nothing. */
export interface DiskState {
  /** Inode by name. */
  readonly names: ReadonlyMap<string, number>;
  readonly contents: ReadonlyMap<number, Content>;
}

export type DataChange =
  | { kind: 'write'; inode: number; position: number; bytes: Uint8Array }
  | { kind: 'erase'; inode: number; position: number; length: number }
  | { kind: 'truncate'; inode: number; size: number };

export type NameChange =
  | { kind: 'create'; name: string; inode: number }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'remove'; name: string };

export type Change = DataChange | NameChange;

/** A disk in use: what would survive a power cut for certain, and what might. */
export interface Disk {
  readonly durable: DiskState;
  /** Not synced yet, in order. Changes of names keep their order among themselves, changes of data need not. */
  readonly pending: readonly Change[];
  /** What a running system sees. */
  readonly view: DiskState;
  readonly nextInode: number;
  /** A sync has failed: what is seen is no longer what would be durable after another. */
  readonly diverged?: true;
}

interface Mutable {
  names: Map<string, number>;
  contents: Map<number, Content>;
}

const SMALLEST_PAGE_BYTES = 1024;
const LARGEST_PAGE_BYTES = 4096;

export const EMPTY_STATE: DiskState = { names: new Map(), contents: new Map() };

/** A disk as it is found after power has come back. */
export function poweredUp({ names, contents: all }: DiskState): Disk {
  // Data whose name was lost is gone: the number of its inode is free again.
  const contents = new Map([...names.values()].map((inode) => [inode, all.get(inode)!]));
  const state: DiskState = { names, contents };
  const nextInode = Math.max(0, ...names.values()) + 1;
  return { durable: state, pending: [], view: state, nextInode };
}

export function isDataChange(change: Change): change is DataChange {
  return 'inode' in change && change.kind !== 'create';
}

export function applyChanges(state: DiskState, changes: readonly Change[], geometry: Geometry): DiskState {
  if (changes.length === 0) return state;
  const renames = changes.some((change) => !isDataChange(change));
  const next = { names: renames ? new Map(state.names) : state.names, contents: new Map(state.contents) } as Mutable;
  const empty = Content.empty(Math.min(LARGEST_PAGE_BYTES, Math.max(SMALLEST_PAGE_BYTES, geometry.eraseBlockBytes)));
  for (const change of changes) {
    if (change.kind === 'rename') rename(next, change.from, change.to);
    else if (change.kind === 'remove') forget(next, change.name);
    else {
      const content = next.contents.get(change.inode) ?? empty;
      next.contents.set(change.inode, change.kind === 'create' ? content : changed(content, change, geometry));
      if (change.kind === 'create') next.names.set(change.name, change.inode);
    }
  }
  return next;
}

/** After `sync` of a file. */
export function synced(disk: Disk, inode: number, geometry: Geometry): Disk {
  const belongs = (change: Change) => isDataChange(change) && change.inode === inode;
  return settled(disk, belongs, geometry);
}

/** After `syncDirectory`. */
export function directorySynced(disk: Disk, geometry: Geometry): Disk {
  return settled(disk, (change) => !isDataChange(change), geometry);
}

/** After a `sync` that failed: still to be seen, but no later sync will write it. */
export function syncFailed(disk: Disk, inode: number): Disk {
  const pending = disk.pending.filter((change) => !isDataChange(change) || change.inode !== inode);
  return pending.length === disk.pending.length ? disk : { ...disk, pending, diverged: true };
}

export function withChanges(disk: Disk, changes: readonly Change[], geometry: Geometry): Disk {
  const created = changes.filter(({ kind }) => kind === 'create').length;
  return {
    ...disk,
    pending: [...disk.pending, ...changes],
    view: applyChanges(disk.view, changes, geometry),
    nextInode: disk.nextInode + created,
  };
}

/** Whether a power cut now could take anything away. */
export function isSettled({ durable, pending, view }: Disk): boolean {
  return pending.length === 0 && view === durable;
}

const digests = new WeakMap<DiskState, string>();

/** Equal for the same names with the same bytes. */
export function stateDigest(state: DiskState): string {
  const known = digests.get(state);
  if (known !== undefined) return known;
  const files = [...state.names].map(([name, inode]) => {
    const content = state.contents.get(inode);
    return `${name}\0${content?.size}\0${content?.digest}`;
  });
  const digest = hash('sha256', files.sort().join('\n'), 'hex');
  digests.set(state, digest);
  return digest;
}

/** Equal for disks that no program and no power cut could tell apart. */
export function diskDigest(disk: Disk): string {
  const durable = stateDigest(disk.durable);
  if (isSettled(disk)) return durable;
  const pending = disk.pending.map((change) =>
    'bytes' in change ? { ...change, bytes: hash('sha256', change.bytes) } : change,
  );
  const inodes = [disk.durable, disk.view].map(({ names }) => [...names]);
  return hash('sha256', JSON.stringify([durable, stateDigest(disk.view), inodes, pending]), 'hex');
}

function settled(disk: Disk, belongs: (change: Change) => boolean, geometry: Geometry): Disk {
  const pending = disk.pending.filter((change) => !belongs(change));
  if (pending.length === disk.pending.length) return disk;
  // One and the same object, so that it is told at a glance that nothing can be lost.
  if (pending.length === 0 && !disk.diverged) return { ...disk, pending, durable: disk.view };
  return { ...disk, pending, durable: applyChanges(disk.durable, disk.pending.filter(belongs), geometry) };
}

function changed(content: Content, change: DataChange, { erasedValue }: Geometry): Content {
  switch (change.kind) {
    case 'write':
      return content.write(change.position, change.bytes, erasedValue);
    case 'erase':
      return content.fill(change.position, change.length, erasedValue);
    case 'truncate':
      return content.resize(change.size, erasedValue);
  }
}

function forget(state: Mutable, name: string): void {
  const inode = state.names.get(name);
  state.names.delete(name);
  if (inode !== undefined) state.contents.delete(inode);
}

function rename(state: Mutable, from: string, to: string): void {
  const inode = state.names.get(from);
  if (inode === undefined || from === to) return;
  forget(state, to);
  state.names.delete(from);
  state.names.set(to, inode);
}

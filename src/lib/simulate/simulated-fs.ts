import { OtaError } from '../core/errors.js';
import type { DeviceFs } from '../device/device-fs.js';
import {
  type Change,
  type Disk,
  directorySynced,
  type Geometry,
  isDataChange,
  synced,
  syncFailed,
  withChanges,
} from './disk.js';
import { diskError, isLasting, type PlannedFault } from './faults.js';
import type { Operation, RecordedOperation } from './operation.js';
import type { AskedCall } from './step-traces.js';

/** The power is gone: whoever catches this can do nothing that would last. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut';
  constructor() {
    super('the power was cut');
  }
}

/** A change that can be done again on another disk. */
export interface RepeatableCall {
  kind: 'change';
  repeat(fs: DeviceFs): Promise<void>;
  /** Bytes that it holds. */
  bytes: number;
}

export interface SimulatedFsOptions {
  geometry: Geometry;
  /** Cuts the power before this operation, counted from 0. */
  cutAt?: number;
  fault?: PlannedFault;
  /** Called for each answer to a question, and for each change before it is done. */
  onCall?: (call: (AskedCall & { answer: string }) | RepeatableCall) => void;
  /** Called for each operation before it is done. */
  onOperation?: (operation: RecordedOperation) => void;
}

/**
 * A device's files in memory, with what a power cut would leave of them.
 *
 * Files that stand for flash (`*.image`, `boot-control.*`, `*.swap`, `*.scratch`) are held to its rules:
 * whole erase blocks are erased, and only erased bytes are written, at write alignment.
 */
export class SimulatedFs implements DeviceFs {
  #disk: Disk;
  readonly #options: SimulatedFsOptions;
  #count = 0;
  #isCut = false;
  #faultHappened = false;

  constructor(disk: Disk, options: SimulatedFsOptions) {
    this.#disk = disk;
    this.#options = options;
  }

  get disk(): Disk {
    return this.#disk;
  }

  /** Operations so far. */
  get operationCount(): number {
    return this.#count;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  get faultHappened(): boolean {
    return this.#faultHappened;
  }

  /** What tells the answer to a question from others. */
  answerTo({ kind, name, position, length }: AskedCall): string {
    const { names, contents } = this.#disk.view;
    if (kind === 'list') return [...names.keys()].sort().join('/');
    const content = contents.get(names.get(name) ?? -1);
    if (content === undefined) return 'none';
    return kind === 'size' ? String(content.size) : content.answerTo(position, length);
  }

  async list(): Promise<string[]> {
    this.#ask({ kind: 'list', name: '', position: 0, length: 0 });
    return [...this.#disk.view.names.keys()].sort();
  }

  async size(name: string): Promise<number | undefined> {
    this.#ask({ kind: 'size', name, position: 0, length: 0 });
    const inode = this.#disk.view.names.get(name);
    return inode === undefined ? undefined : this.#contentOf(inode).size;
  }

  async read(name: string, into: Uint8Array, position: number): Promise<number> {
    this.#ask({ kind: 'read', name, position, length: into.byteLength });
    return this.#contentOf(this.#inodeOf(name)).read(into, position);
  }

  async write(name: string, position: number, given: Uint8Array): Promise<void> {
    // The caller may use its buffer again; the slice of a Buffer would be the same memory.
    const bytes = new Uint8Array(given);
    this.#repeatable((fs) => fs.write(name, position, bytes), bytes.byteLength);
    this.#requireInside(name, position);
    if (isFlash(name)) this.#requireErased(name, position, bytes.byteLength);
    const { inode, creating } = this.#inodeForWriting(name);
    const operation = { kind: 'write' as const, file: name, position, length: bytes.byteLength };
    this.#change(operation, [...creating, { kind: 'write', inode, position, bytes }]);
  }

  async erase(name: string, position: number, length: number): Promise<void> {
    this.#repeatable((fs) => fs.erase(name, position, length));
    this.#requireInside(name, position);
    if (isFlash(name)) this.#requireBlocks(name, position, length);
    const { inode, creating } = this.#inodeForWriting(name);
    const operation = { kind: 'erase' as const, file: name, position, length };
    this.#change(operation, [...creating, { kind: 'erase', inode, position, length }]);
  }

  async truncate(name: string, size: number): Promise<void> {
    this.#repeatable((fs) => fs.truncate(name, size));
    const inode = this.#inodeOf(name);
    this.#change({ kind: 'truncate', file: name, length: size }, [{ kind: 'truncate', inode, size }]);
  }

  async sync(name: string): Promise<void> {
    this.#repeatable((fs) => fs.sync(name));
    const inode = this.#inodeOf(name);
    this.#operate({ kind: 'sync', file: name }, [], synced(this.#disk, inode, this.#options.geometry), () =>
      syncFailed(this.#disk, inode),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    this.#repeatable((fs) => fs.rename(from, to));
    this.#inodeOf(from);
    this.#change({ kind: 'rename', file: to }, [{ kind: 'rename', from, to }]);
  }

  async remove(name: string): Promise<void> {
    this.#ask({ kind: 'size', name, position: 0, length: 0 });
    if (!this.#disk.view.names.has(name)) return;
    this.#repeatable((fs) => fs.remove(name));
    this.#change({ kind: 'remove', file: name }, [{ kind: 'remove', name }]);
  }

  async syncDirectory(): Promise<void> {
    this.#repeatable((fs) => fs.syncDirectory());
    this.#operate({ kind: 'syncDirectory', file: '' }, [], directorySynced(this.#disk, this.#options.geometry));
  }

  #ask(call: AskedCall): void {
    this.#requirePower();
    this.#options.onCall?.({ ...call, answer: this.answerTo(call) });
  }

  #repeatable(repeat: RepeatableCall['repeat'], bytes = 0): void {
    this.#options.onCall?.({ kind: 'change', repeat, bytes });
  }

  #change(operation: Operation, changes: Change[]): void {
    const { geometry } = this.#options;
    const short = () => withChanges(this.#disk, shortened(changes, geometry.writeAlignmentBytes), geometry);
    this.#operate(operation, changes, withChanges(this.#disk, changes, geometry), () =>
      this.#options.fault?.fault === 'short-write' ? short() : this.#disk,
    );
  }

  #operate(operation: Operation, changes: readonly Change[], after: Disk, afterFailure?: () => Disk): void {
    this.#requirePower();
    const { cutAt, fault, onOperation } = this.#options;
    const index = this.#count++;
    onOperation?.({ ...operation, before: this.#disk, changes, after });
    if (index === cutAt) {
      this.#isCut = true;
      throw new PowerCut();
    }
    if (fault !== undefined && (index === fault.operation || (index > fault.operation && isLasting(fault.fault)))) {
      this.#faultHappened = true;
      this.#disk = afterFailure?.() ?? this.#disk;
      throw diskError(fault.fault, operation.file);
    }
    this.#disk = after;
  }

  #requirePower(): void {
    if (this.#isCut) throw new PowerCut();
  }

  #contentOf(inode: number) {
    return this.#disk.view.contents.get(inode)!;
  }

  #inodeOf(name: string): number {
    this.#requirePower();
    const inode = this.#disk.view.names.get(name);
    if (inode === undefined) throw new OtaError('NOT_FOUND', `${name}: no such file or directory`);
    return inode;
  }

  #inodeForWriting(name: string): { inode: number; creating: Change[] } {
    const inode = this.#disk.view.names.get(name);
    if (inode !== undefined) return { inode, creating: [] };
    const created = this.#disk.nextInode;
    return { inode: created, creating: [{ kind: 'create', name, inode: created }] };
  }

  #requireInside(name: string, position: number): void {
    this.#requirePower();
    const inode = this.#disk.view.names.get(name);
    const size = inode === undefined ? 0 : this.#contentOf(inode).size;
    if (position > size) throw new Error(`${name}: changes byte ${position} of a file of ${size} bytes`);
  }

  #requireAligned(name: string, does: string, position: number, length: number, unit: number): void {
    if (position % unit === 0 && length % unit === 0) return;
    throw new Error(`${name}: ${does} ${length} bytes at ${position}, expected multiples of ${unit}`);
  }

  /** A file may grow by any number of bytes: what was never written is erased. */
  #requireBlocks(name: string, position: number, length: number): void {
    const inode = this.#disk.view.names.get(name);
    const size = inode === undefined ? 0 : this.#contentOf(inode).size;
    if (position >= size) return;
    const { eraseBlockBytes } = this.#options.geometry;
    this.#requireAligned(name, 'erases', position, position + length >= size ? 0 : length, eraseBlockBytes);
  }

  #requireErased(name: string, position: number, length: number): void {
    const { writeAlignmentBytes, erasedValue } = this.#options.geometry;
    this.#requireAligned(name, 'writes', position, length, writeAlignmentBytes);
    const inode = this.#disk.view.names.get(name);
    if (inode === undefined || this.#contentOf(inode).isFilled(position, length, erasedValue)) return;
    throw new Error(`${name}: writes ${length} bytes at ${position} over bytes that are not erased`);
  }
}

/** Files that stand for flash. */
export function isFlash(name: string): boolean {
  return /\.(image|swap|scratch)$|^boot-control\./.test(name);
}

/** The part of a write that reached the disk before it was full. */
function shortened(changes: readonly Change[], unit: number): Change[] {
  return changes.map((change) => {
    if (!isDataChange(change) || change.kind !== 'write') return change;
    const half = Math.floor(change.bytes.byteLength / 2);
    return { ...change, bytes: change.bytes.subarray(0, half - (half % unit)) };
  });
}

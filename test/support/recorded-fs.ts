import { dirname } from 'node:path';
import type { DurableFile, DurableFs } from '../../src/lib/core/durable-fs.js';
import { type ErrorCode, OtaError } from '../../src/lib/core/errors.js';
import { applied, type Disk, type DiskOperation, emptyDisk, type Random, survivors } from './recorded-disk.js';

/** What an operation meets instead of success. */
export interface Fault {
  readonly code: Extract<ErrorCode, 'NO_SPACE' | 'IO_FAILED'>;
  /** Bytes of an append that reach the file nevertheless. */
  readonly keptBytes?: number;
}

export interface Attempt {
  readonly kind: DiskOperation['kind'] | 'read';
  readonly path: string;
  /** Operations recorded before. */
  readonly index: number;
}

/**
 * A disk in memory that records every operation, from which it can tell what a power cut may leave.
 *
 * One object is one disk; `process()` gives the view of one process, which `kill()` ends while
 * everything that was written stays in the cache.
 */
export class RecordedFs {
  readonly operations: DiskOperation[] = [];
  /** Asked before each operation; what it returns, that operation meets. */
  fault: (attempt: Attempt) => Fault | undefined = () => undefined;
  readonly #start: Disk;
  #disk: Disk;
  #nextFile: number;
  #process = { alive: true };
  #killAt = Number.POSITIVE_INFINITY;

  constructor(start: Disk = emptyDisk()) {
    this.#start = start;
    this.#disk = start;
    this.#nextFile = Math.max(0, ...start.contents.keys()) + 1;
  }

  /** All that is on the disk or in its cache now: paths with their bytes. */
  files(): Map<string, Uint8Array> {
    return new Map([...this.#disk.names].map(([path, file]) => [path, this.#disk.contents.get(file)!]));
  }

  /** Puts bytes in the place of a file's, as if they had always been there: what a bad disk does. */
  damage(path: string, change: (bytes: Buffer) => Uint8Array): void {
    const file = this.#disk.names.get(path)!;
    const contents = new Map(this.#disk.contents);
    contents.set(file, change(Buffer.from(contents.get(file)!)));
    this.#disk = { ...this.#disk, contents };
  }

  /** Ends the process that works on this disk now. Its calls fail from here on and change nothing. */
  kill(): void {
    this.#process.alive = false;
    this.#process = { alive: true };
    this.#killAt = Number.POSITIVE_INFINITY;
  }

  /** Lets that happen once so many operations are recorded. */
  killAt(operations: number): void {
    this.#killAt = operations;
  }

  /** What is on a disk whose power was cut when the first `operations` had been called, in one of the possible ways. */
  afterPowerCut(operations: number, random: Random): RecordedFs {
    return new RecordedFs(survivors(this.#start, this.operations.slice(0, operations), random));
  }

  /** What the cache holds at that time: nothing is lost when only the process dies. */
  afterKill(operations: number): RecordedFs {
    return new RecordedFs(this.operations.slice(0, operations).reduce(applied, this.#start));
  }

  process(): DurableFs {
    const life = this.#process;
    const run = async (operation: DiskOperation, path: string) => this.#run(operation, path, life);
    const fileAt = (path: string) => this.#disk.names.get(path);
    const requireDirectory = (path: string) => {
      if (!this.#disk.directories.has(path)) throw missing(path);
    };
    return {
      list: async (directory) => {
        const names = [...this.#disk.names.keys(), ...this.#disk.directories].filter(
          (path) => dirname(path) === directory && path !== directory,
        );
        return names.map((path) => path.slice(directory === '/' ? 1 : directory.length + 1)).sort();
      },
      open: async (path, mode) => {
        const present = fileAt(path);
        if (present !== undefined) return this.#open(path, present, mode, life);
        if (mode === 'read') throw missing(path);
        requireDirectory(dirname(path));
        const file = this.#nextFile++;
        await run({ kind: 'names', directory: dirname(path), changes: [[path, file]] }, path);
        return this.#open(path, file, mode, life);
      },
      makeDirectory: async (directory) => {
        if (!this.#disk.directories.has(directory)) await run({ kind: 'makeDirectory', directory }, directory);
      },
      link: async (existing, name) => {
        const file = fileAt(existing);
        if (file === undefined) throw missing(existing);
        requireDirectory(dirname(name));
        if (fileAt(name) !== undefined) throw new OtaError('OUTPUT_EXISTS', `${name}: already exists`);
        await run({ kind: 'names', directory: dirname(name), changes: [[name, file]] }, name);
      },
      rename: async (from, to) => {
        const file = fileAt(from);
        if (file === undefined) throw missing(from);
        if (dirname(from) !== dirname(to)) throw new Error('only renames within one directory are modelled');
        const changes = [[from, undefined] as const, [to, file] as const];
        await run({ kind: 'names', directory: dirname(to), changes }, to);
      },
      remove: async (path) => {
        if (fileAt(path) === undefined) return;
        await run({ kind: 'names', directory: dirname(path), changes: [[path, undefined]] }, path);
      },
      syncDirectory: async (directory) => {
        requireDirectory(directory);
        await run({ kind: 'syncDirectory', directory }, directory);
      },
    };
  }

  #open(path: string, file: number, mode: 'read' | 'append', life: { alive: boolean }): DurableFile {
    const bytes = () => this.#disk.contents.get(file)!;
    let failure: unknown;
    const change = async (operation: DiskOperation) => {
      if (mode === 'read') throw new OtaError('IO_FAILED', `${path}: is open for reading only`);
      if (failure !== undefined) throw failure;
      try {
        this.#run(operation, path, life);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    return {
      get size() {
        return bytes().length;
      },
      read: (into, position) => {
        this.#meetFault('read', path);
        const part = bytes().subarray(position, position + into.byteLength);
        into.set(part);
        return part.length;
      },
      append: (parts) =>
        change({
          kind: 'append',
          file,
          position: bytes().length,
          bytes: Buffer.concat(parts.map((p) => Buffer.from(p))),
        }),
      truncate: (size) => change({ kind: 'truncate', file, size }),
      sync: () => change({ kind: 'sync', file }),
      close: async () => {},
    };
  }

  #run(operation: DiskOperation, path: string, life: { alive: boolean }): void {
    if (life.alive && this.operations.length >= this.#killAt) this.kill();
    if (!life.alive) throw new Error('this process was killed');
    this.#meetFault(operation.kind, path, (keptBytes) => {
      if (operation.kind === 'append') this.#record({ ...operation, bytes: operation.bytes.subarray(0, keptBytes) });
    });
    this.#record(operation);
  }

  #meetFault(kind: Attempt['kind'], path: string, keep: (bytes: number) => void = () => {}): void {
    const fault = this.fault({ kind, path, index: this.operations.length });
    if (fault === undefined) return;
    if (fault.keptBytes !== undefined) keep(fault.keptBytes);
    throw new OtaError(fault.code, `${path}: fault for the test`);
  }

  #record(operation: DiskOperation): void {
    this.operations.push(operation);
    this.#disk = applied(this.#disk, operation);
  }
}

function missing(path: string): OtaError {
  return new OtaError('NOT_FOUND', `${path}: no such file or directory`);
}

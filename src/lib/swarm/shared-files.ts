import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { openFile } from '../core/file-access.js';
import { ioError } from '../core/io-error.js';
import { openPrivateDirectory, type PrivateDirectory } from '../core/private-directory.js';
import type { RandomAccess } from '../core/random-access.js';
import { ResourceStack } from '../core/resource-stack.js';

/**
 * Packages and images by their SHA-256, each of them once for all devices of a swarm, in a private temporary
 * directory. What is found under a hash has that hash: it was checked while it was written.
 */
export class SharedFiles implements AsyncDisposable {
  readonly #directory: PrivateDirectory;
  readonly #open = new ResourceStack();
  readonly #held = new Map<string, RandomAccess>();
  readonly #filling = new Map<string, Filling>();
  #count = 0;

  private constructor(directory: PrivateDirectory) {
    this.#directory = directory;
  }

  /** @throws OtaError of status 6 */
  static async open(): Promise<SharedFiles> {
    return new SharedFiles(await openPrivateDirectory());
  }

  /** Takes charge of an open file, parts of which are adopted. */
  keepOpen(file: AsyncDisposable): void {
    this.#open.use(file);
  }

  /** Takes what has a hash that is known, and charge of it where it is a file of its own. */
  adopt(sha256: string, file: RandomAccess & Partial<AsyncDisposable>): void {
    if (isDisposable(file)) this.keepOpen(file);
    this.#held.set(sha256, file);
  }

  /** What has this hash, also when somebody is still writing it and succeeds. */
  async held(sha256: string): Promise<RandomAccess | undefined> {
    for (let filling = this.#filling.get(sha256); filling !== undefined; filling = this.#filling.get(sha256)) {
      await filling.ended;
    }
    return this.#held.get(sha256);
  }

  /** Begins to write what is to have this hash; undefined where it is held, or being written, already. */
  begin(sha256: string): Filling | undefined {
    if (this.#held.has(sha256) || this.#filling.has(sha256)) return undefined;
    const path = join(this.#directory.path, String(this.#count++));
    const filling = new Filling(path, async (got) => {
      const isRight = got === sha256;
      // Held before it is no longer being filled: whoever asks in between must not miss it.
      if (isRight) this.adopt(sha256, await openFile(path));
      this.#filling.delete(sha256);
      return isRight;
    });
    this.#filling.set(sha256, filling);
    return filling;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

function isDisposable(file: object): file is AsyncDisposable {
  return Symbol.asyncDispose in file;
}

/** A file on its way into {@link SharedFiles}. End it by `commit` or `discard`. */
export class Filling {
  readonly ended: Promise<void>;
  readonly #path: string;
  readonly #end: () => void;
  readonly #finish: (sha256: string | undefined) => Promise<boolean>;
  #handle: FileHandle | undefined;
  #hash: Hash = createHash('sha256');
  #size = 0;

  constructor(path: string, finish: (sha256: string | undefined) => Promise<boolean>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    this.#path = path;
    this.#finish = finish;
  }

  /** @throws OtaError NO_SPACE, IO_FAILED */
  async write(chunk: Uint8Array): Promise<void> {
    try {
      this.#handle ??= await open(this.#path, 'wx', 0o600);
      this.#hash.update(chunk);
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.#size);
        done += bytesWritten;
        this.#size += bytesWritten;
      }
    } catch (error) {
      throw ioError(error, this.#path);
    }
  }

  /** Begins again from nothing. */
  async restart(): Promise<void> {
    await this.#handle?.truncate(0);
    this.#size = 0;
    this.#hash = createHash('sha256');
  }

  /** @returns whether it has the hash it was begun for; it is held only then */
  async commit(): Promise<boolean> {
    // An image may be empty.
    this.#handle ??= await open(this.#path, 'wx', 0o600);
    return await this.#close(this.#hash.digest('hex'));
  }

  async discard(): Promise<void> {
    await this.#close(undefined);
  }

  async #close(sha256: string | undefined): Promise<boolean> {
    try {
      await this.#handle?.close();
      return await this.#finish(sha256);
    } finally {
      this.#end();
    }
  }
}

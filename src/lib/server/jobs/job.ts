import type { ServerContext } from '../context.js';

/** Work that one process of a server does now and then, for all of them. */
export interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** Must be able to be cut anywhere and run again: what it decides, it decides from the database. */
  run(server: ServerContext): Promise<void>;
}

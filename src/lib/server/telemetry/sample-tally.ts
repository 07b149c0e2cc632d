import { tellsOfError } from '../../telemetry/error-message.js';
import type { LogSample } from './telemetry-log.js';

/** Longer messages are counted and not looked into. Bytes. */
export const MAX_SAMPLED_BYTES = 16 * 1024;

/** Adds up what devices said, a part of whose messages was read. */
export class SampleTally {
  readonly #path: readonly string[] | undefined;
  readonly #values: number[] = [];
  #messages = 0;
  #read = 0;
  #errors = 0;

  constructor(path: readonly string[] | undefined) {
    this.#path = path;
  }

  /**
   * @param total messages that there are of the device
   * @param lines those that were read
   */
  add(total: number, lines: Iterable<string>): void {
    let read = 0;
    let errors = 0;
    for (const line of lines) {
      read++;
      const message = objectOf(line);
      if (message === undefined) continue;
      if (tellsOfError(message)) errors++;
      const value = this.#path === undefined ? undefined : valueAt(message, this.#path);
      if (typeof value === 'number' && Number.isFinite(value)) this.#values.push(value);
    }
    if (read === 0) return;
    this.#read += read;
    this.#messages += total;
    // What was read stands for what was not.
    this.#errors += (errors * total) / read;
  }

  result(): LogSample {
    return { messages: this.#messages, read: this.#read, errors: this.#errors, values: this.#values };
  }
}

function valueAt(message: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    message,
  );
}

/** Lines were checked when they came; one that is none now says nothing. */
function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

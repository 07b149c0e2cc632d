import { type ErrorCode, OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

/** What `--json` prints under `error`, and the same for a person. */
export interface Failure {
  /** `INTERNAL` is a bug of ours; every other code is documented. */
  code: ErrorCode | 'INTERNAL';
  exitStatus: number;
  message: string;
  suggestions: string[];
}

/** Anything that is no OtaError is a bug: status 1, one sentence. */
export function failureOf(error: unknown, bin: string): Failure {
  if (error instanceof OtaError) {
    const { code, exitCode, message, suggestions } = error;
    return { code, exitStatus: exitCode, message: shortened(message), suggestions };
  }
  const fact = escapeText(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  return {
    code: 'INTERNAL',
    exitStatus: 1,
    message: `${bin} failed in a way it should not, this is a bug (${fact})`,
    suggestions: [`Run again with ${bin.toUpperCase()}_DEBUG=1 and report what it prints.`],
  };
}

/** Room for a sentence with 32 key ids. */
const MESSAGE_LIMIT = 4000;

/** A message may quote what a hostile file says, and that may be megabytes; its end tells what was expected. */
function shortened(message: string): string {
  if (message.length <= MESSAGE_LIMIT) return message;
  return `${message.slice(0, MESSAGE_LIMIT / 2)} […] ${message.slice(-MESSAGE_LIMIT / 4)}`;
}

/** `error: …`, then one line for each suggestion; whatever a message quotes, it cannot move the cursor. */
export function failureText({ message, suggestions }: Failure, label = 'error:'): string {
  const lines = [
    `${label} ${escapeText(message)}`,
    ...suggestions.map((suggestion) => `  → ${escapeText(suggestion)}`),
  ];
  return lines.join('\n');
}

import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { canAsk } from './terminal.js';

export interface Question {
  message: string;
  /** The flag that answers the same without a terminal, without dashes. */
  flag: string;
  signal?: AbortSignal | undefined;
}

/** Asks for a line of text. */
export async function promptText(
  question: Question & { default?: string; validate?: (answer: string) => true | string },
): Promise<string> {
  const { message, validate } = question;
  const fallback = question.default === undefined ? {} : { default: question.default };
  return ask(question, { type: 'input', message, ...fallback, ...(validate ? { validate } : {}) });
}

/** Asks for a secret without showing it; with `confirm` a second time, to catch a slip in a new one. */
export async function promptSecret(question: Question & { confirm?: boolean }): Promise<string> {
  const secret = await ask<string>(question, { type: 'password', message: question.message });
  if (!question.confirm) return secret;
  const again = await ask<string>(question, { type: 'password', message: `${question.message}, again` });
  if (again !== secret) throw new OtaError('USAGE', 'the two answers differ', ['Run again and type it twice.']);
  return secret;
}

/** Asks to choose one. */
export async function promptSelect<T>(question: Question & { choices: { name: string; value: T }[] }): Promise<T> {
  return ask(question, { type: 'select', message: question.message, choices: question.choices });
}

/** Asks yes or no; no is the default. */
export async function promptConfirm(question: Question): Promise<boolean> {
  return ask(question, { type: 'confirm', message: question.message, default: false });
}

/**
 * Names all that is missing at once, where nobody can be asked for it.
 *
 * @param flags that are missing, without dashes
 * @throws OtaError USAGE
 */
export function requireTerminalFor(flags: readonly string[]): void {
  if (flags.length === 0 || canAsk(process.env)) return;
  const names = flags.map((flag) => `--${flag}`);
  const list = names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  const verb = names.length === 1 ? 'is' : 'are';
  throw new OtaError('USAGE', `${list} ${verb} missing, and there is no terminal to ask on`, [`Add ${list}.`]);
}

/**
 * @throws OtaError USAGE naming the missing flag where nobody could answer; INTERRUPTED on Ctrl-C
 */
async function ask<T>({ flag, signal }: Question, prompt: Record<string, unknown>): Promise<T> {
  throwIfAborted(signal);
  requireTerminalFor([flag]);
  const { default: inquirer } = await import('inquirer');
  // On stderr: stdout may be a pipe that waits for the result.
  const run = inquirer.createPromptModule({ input: process.stdin, output: process.stderr });
  const asking = run([{ ...prompt, name: 'answer' }] as unknown as Parameters<typeof run>[0]);
  const close = () => asking.ui.close();
  signal?.addEventListener('abort', close, { once: true });
  try {
    return ((await asking) as { answer: T }).answer;
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    // In raw mode Ctrl-C is a key, not a signal.
    if (error instanceof Error && error.name === 'ExitPromptError') throw new OtaError('INTERRUPTED', 'Interrupted');
    throw error;
  } finally {
    signal?.removeEventListener('abort', close);
  }
}

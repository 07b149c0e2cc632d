import { throwIfAborted, untilAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { promptSecret } from './prompts.js';

/** Longer than any passphrase; a whole file on stdin is a mistake. */
const MAX_SECRET_BYTES = 4096;

export interface SecretSources {
  /** What it is, and what the flags begin with; a passphrase unless said otherwise. */
  what?: 'passphrase' | 'password' | 'token';
  /** `--passphrase-env NAME` */
  envName?: string | undefined;
  /** `--passphrase-stdin` */
  stdin?: boolean | undefined;
  /** Asked on a terminal when neither is given; `confirm` asks twice, for a new secret. */
  prompt?: { message: string; confirm?: boolean } | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Gets a secret by one of the ways that do not show it to other users: an environment variable, a
 * line on stdin, or a question on a terminal.
 *
 * @throws OtaError USAGE when there is none; it never repeats what was given, which may be the
 *   secret itself in the wrong place
 */
export async function readSecret(sources: SecretSources): Promise<string> {
  const { what = 'passphrase', envName, stdin, prompt, signal } = sources;
  throwIfAborted(signal);
  const secret = await (envName !== undefined
    ? secretOfEnvironment(envName, `${what}-env`)
    : stdin
      ? secretOfStdin(what, signal)
      : promptSecret({
          message: prompt?.message ?? `${what[0]!.toUpperCase()}${what.slice(1)}`,
          confirm: prompt?.confirm ?? false,
          flag: `${what}-env or --${what}-stdin`,
          signal,
        }));
  if (secret === '') throw new OtaError('USAGE', `the ${what} is empty`, ['Give at least one character.']);
  return secret;
}

/**
 * The secret in the variable that a flag names.
 *
 * @param flag `passphrase-env`
 * @throws OtaError USAGE when it is not set; what was given is not repeated, it may be the secret itself
 */
export function secretOfEnvironment(name: string, flag: string): string {
  const secret = process.env[name];
  if (secret !== undefined) return secret;
  throw new OtaError('USAGE', `the environment variable that --${flag} names is not set`, [
    `Give the name of the variable, not the ${flag.replace(/^.*?(\w+)-env$/, '$1')} itself.`,
  ]);
}

/** The first line of stdin, without its line end. */
async function secretOfStdin(what: string, signal: AbortSignal | undefined): Promise<string> {
  if (process.stdin.isTTY) {
    throw new OtaError('USAGE', `--${what}-stdin reads a pipe, stdin is a terminal`, [
      'Leave the flag out to be asked without an echo.',
    ]);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of untilAborted<Buffer>(process.stdin, signal)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_SECRET_BYTES || chunk.includes('\n')) break;
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/, 1);
  if (Buffer.byteLength(line) > MAX_SECRET_BYTES) {
    throw new OtaError('LIMIT_EXCEEDED', `the ${what} on stdin is longer than ${MAX_SECRET_BYTES} bytes`);
  }
  return line;
}

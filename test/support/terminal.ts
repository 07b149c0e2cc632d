import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { type CliOptions, cleanEnvironment, executableFile } from './cli.js';

/** `ota` on a pseudo-terminal of 80 by 24, which the `script` of util-linux makes. */
export interface Terminal {
  /** Everything that reached the terminal, escape sequences included. */
  raw(): string;
  /** Resolves once this text has appeared after what was seen before; rejects when the program ends without it. */
  seen(text: string): Promise<void>;
  type(keys: string): void;
  /** Exit status. */
  readonly ended: Promise<number | null>;
}

export const ENTER = '\r';
export const CTRL_C = '\u0003';

export function openTerminal(args: readonly string[], { cwd, env }: CliOptions = {}): Terminal {
  const command = [process.execPath, executableFile('ota'), ...args].map(quoted).join(' ');
  // The terminal echoes what is typed unless the program switches that off.
  const options = ['--quiet', '--return', '--flush', '--echo', 'always'];
  const child = spawn('script', [...options, '--command', `stty cols 80 rows 24; exec ${command}`, '/dev/null'], {
    cwd,
    env: { ...cleanEnvironment(), NO_COLOR: undefined, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => {}); // it may end while something is typed
  let raw = '';
  let position = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text;
  });
  const seen = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        const at = stripVTControlCharacters(raw).indexOf(text, position);
        if (at === -1) return;
        position = at + text.length;
        child.stdout.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
      child.on('close', () => reject(new Error(`it ended without ${text}: ${JSON.stringify(raw)}`)));
      look();
    });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { raw: () => raw, seen, type: (keys) => void child.stdin.write(keys), ended };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

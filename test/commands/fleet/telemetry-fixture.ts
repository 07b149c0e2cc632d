import { readFile, writeFile } from 'node:fs/promises';
import type { CliResult } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { cliInProcess } from '../in-process.js';

/** A folder to replay in. */
export interface TelemetryFolder extends TestFolder {
  /** In this process, one at a time. */
  fleet(...args: string[]): Promise<CliResult>;
  /** `fleet … --json`, which must end with this status: the lines it prints. */
  events(status: number, ...args: string[]): Promise<Record<string, unknown>[]>;
  /** `fleet … --json`, which must end with this status: the one document it prints. */
  json(status: number, ...args: string[]): Promise<Record<string, unknown>>;
  /** Writes lines, each with a line feed. */
  write(name: string, lines: readonly string[]): Promise<void>;
  /** Ids of the messages in a file, in their order. */
  ids(name: string): Promise<string[]>;
}

export async function telemetryFolder(): Promise<TelemetryFolder> {
  const folder = await testFolder();
  const fleet = (...args: string[]) => cliInProcess('fleet', args, { cwd: folder.path });
  const printed = async (status: number, args: string[]) => {
    const result = await fleet(...args, '--json');
    if (result.status === status) return result.stdout;
    throw new Error(`${args.join(' ')}: ${result.status}, ${result.stdout}${result.stderr}`);
  };
  return {
    ...folder,
    fleet,
    events: async (status, ...args) => linesOf(await printed(status, args)).map((line) => JSON.parse(line)),
    json: async (status, ...args) => JSON.parse(await printed(status, args)),
    write: (name, lines) => writeFile(folder.file(name), lines.map((line) => `${line}\n`).join('')),
    ids: async (name) =>
      linesOf(await readFile(folder.file(name), 'utf8')).map((line) => JSON.parse(line).messageId as string),
  };
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** A message as a line. */
export function message(messageId: string, fields: object = {}): string {
  return JSON.stringify({ messageId, deviceId: 'd-1', timestamp: 1_767_225_600_000, type: 'position', ...fields });
}

/** `m0`, `m1`, … as messages. */
export function messages(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => message(`m${from + index}`));
}

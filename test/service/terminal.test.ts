import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { writeRealFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { smallPackage } from '../support/packages.js';
import { CTRL_C, ENTER, openTerminal, type Terminal } from '../support/terminal.js';

const ESC = '\u001b';
const SHOW_CURSOR = `${ESC}[?25h`;
const HIDE_CURSOR = `${ESC}[?25l`;
const WRAP_ON = `${ESC}[?7h`;
const WRAP_OFF = `${ESC}[?7l`;
const COLOUR = new RegExp(`${ESC}\\[\\d+(;\\d+)*m`);
const ERASED = new RegExp(`[^\n]*${ESC}\\[2K`, 'g');

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
  await mkdir(folder.file('tmp'));
});
afterEach(() => folder[Symbol.asyncDispose]());

const terminal = (args: string[], env: Record<string, string | undefined> = {}): Terminal =>
  openTerminal(args, { cwd: folder.path, env: { TMPDIR: folder.file('tmp'), ...env } });

async function answer(screen: Terminal, answers: [question: string, keys: string][]): Promise<void> {
  for (const [question, keys] of answers) {
    await screen.seen(question);
    screen.type(keys + ENTER);
  }
}

/** What a terminal shows in the end, when nothing but whole lines is erased. */
const finalLines = (raw: string): string[] => stripVTControlCharacters(raw.replaceAll(ERASED, '')).split(/\r?\n/);

describe('pack', () => {
  const QUESTIONS: [string, string][] = [
    ['New image', 'new.bin'],
    ['Product', 'hub'],
    ['Version of the release', '2.0.0'],
    ['Sequence', '7'],
    ['Device model', 'movehub'],
    ['Write the package to', ''],
  ];

  beforeEach(() => writeRealFirmware(folder.path, 'movehub'));

  test('asks for what is missing and makes the package of the answers', async () => {
    const screen = terminal(['pack', '--from', 'old.bin']);
    await answer(screen, QUESTIONS);
    expect(await screen.ended).toBe(0);
    const { stdout } = await runCli('ota', ['inspect', 'hub-2.0.0.ota', '--json'], { cwd: folder.path });
    expect(JSON.parse(stdout)).toMatchObject({
      metadata: { product: 'hub', version: '2.0.0', sequence: 7, compatible: { models: ['movehub'] } },
    });
  });

  test('asks again after an answer that cannot be right', async () => {
    const screen = terminal(['pack', '--to', 'new.bin', '--product', 'hub', '--model', 'movehub', '--out', 'x.ota']);
    await answer(screen, [
      ['Version of the release', 'two'],
      ['Type a semantic version', '\u0015' + '2.0.0'], // Ctrl-U empties the line
      ['Sequence', 'next'],
      ['Type a whole number', '\u0015' + '7'],
    ]);
    expect(await screen.ended).toBe(0);
    expect(Object.keys(await folder.state())).toContain(folder.file('x.ota'));
  });

  test('asks nothing in a CI job, even with a terminal', async () => {
    const before = await folder.state();
    const screen = terminal(['pack', '--product', 'hub'], { CI: 'true' });
    expect(await screen.ended).toBe(2);
    expect(screen.raw()).toBe(
      'error: --to, --version, --sequence, --model and --out are missing, and there is no terminal to ask on\r\n' +
        '  → Add --to, --version, --sequence, --model and --out.\r\n',
    );
    expect(await folder.state()).toEqual(before);
  });

  test.each(QUESTIONS.map(([question], index) => ({ question, index })))(
    'Ctrl-C at "$question" ends it and writes nothing',
    async ({ question, index }) => {
      const before = await folder.state();
      const screen = terminal(['pack']);
      await answer(screen, QUESTIONS.slice(0, index));
      await screen.seen(question);
      screen.type(CTRL_C);
      expect(await screen.ended).toBe(130);
      expect(finalLines(screen.raw()).filter((line) => /error|interrupted/i.test(line))).toEqual([
        'error: Interrupted',
      ]);
      expect(screen.raw().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(screen.raw().lastIndexOf(HIDE_CURSOR));
      expect(await folder.state()).toEqual(before);
    },
  );

  test('prompts have no colour with NO_COLOR', async () => {
    const screen = terminal(['pack'], { NO_COLOR: '1' });
    await screen.seen('New image');
    screen.type(CTRL_C);
    expect(await screen.ended).toBe(130);
    expect(screen.raw()).not.toMatch(COLOUR);
  });
});

describe('keys generate --encrypt', () => {
  const GENERATE = ['keys', 'generate', '--encrypt', '--out', 'release'];

  test('asks twice for the passphrase and never shows it', async () => {
    const screen = terminal(GENERATE);
    await answer(screen, [
      ['New passphrase of release.key', 'correct horse'],
      ['again', 'correct horse'],
    ]);
    expect(await screen.ended).toBe(0);
    expect(screen.raw()).not.toMatch(/horse|\*/);
    expect(await readFile(folder.file('release.key'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const passphrase = { env: { P: 'correct horse' }, cwd: folder.path };
    const read = await runCli('ota', ['keys', 'inspect', 'release.key', '--passphrase-env', 'P'], passphrase);
    expect(read).toMatchObject({ status: 0 });
  });

  test.each([
    [
      'two different passphrases',
      [
        ['New passphrase', 'correct'],
        ['again', 'horse'],
      ],
      2,
    ],
    [
      'an empty passphrase',
      [
        ['New passphrase', ''],
        ['again', ''],
      ],
      2,
    ],
  ] as [string, [string, string][], number][])('refuses %s', async (_, answers, status) => {
    const screen = terminal(GENERATE);
    await answer(screen, answers);
    expect(await screen.ended).toBe(status);
    expect(screen.raw()).not.toContain('horse');
    expect(await folder.state()).toEqual({});
  });

  test('Ctrl-C at the second question writes nothing', async () => {
    const screen = terminal(GENERATE);
    await answer(screen, [['New passphrase', 'correct horse']]);
    await screen.seen('again');
    screen.type(CTRL_C);
    expect(await screen.ended).toBe(130);
    expect(screen.raw()).not.toContain('horse');
    expect(await folder.state()).toEqual({});
  });
});

describe('a long job', () => {
  /** Serves half of a package, and the rest when told: a job as long as the test wants. */
  async function slowServer(bytes: Buffer) {
    const half = Promise.withResolvers<void>();
    const server = createServer(async (_request, response) => {
      response.writeHead(200, { 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2));
      await half.promise;
      response.end(bytes.subarray(bytes.length / 2));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/meter.ota`;
    return { address, sendTheRest: half.resolve, [Symbol.asyncDispose]: async () => void server.close() };
  }

  test('shows how far it is on a terminal, and takes that away without a trace', async () => {
    await using server = await slowServer(await smallPackage(Buffer.alloc(100_000)));
    const screen = terminal(['inspect', server.address]);
    await screen.seen('meter.ota');
    await screen.seen('% of');
    server.sendTheRest();
    expect(await screen.ended).toBe(0);
    const raw = screen.raw();
    expect(raw.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(raw.lastIndexOf(HIDE_CURSOR));
    expect(raw.lastIndexOf(WRAP_ON)).toBeGreaterThanOrEqual(raw.lastIndexOf(WRAP_OFF));
    expect(finalLines(raw)[0]).toMatch(/^http:.*meter\.ota: .*UNVERIFIED$/);
  });

  test('that is interrupted leaves a usable terminal and no copy', async () => {
    await using server = await slowServer(await smallPackage(Buffer.alloc(100_000)));
    const screen = terminal(['inspect', server.address]);
    await screen.seen('% of');
    screen.type(CTRL_C);
    expect(await screen.ended).toBe(130);
    const raw = screen.raw();
    expect(raw.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(raw.lastIndexOf(HIDE_CURSOR));
    expect(finalLines(raw).filter((line) => line !== '')).toEqual(['error: Interrupted']);
    expect(await folder.state()).toEqual({});
    server.sendTheRest();
  });
});

describe('hostile text', () => {
  const HOSTILE = 'a\u001b]0;owned\u0007\u001b[2J\u009b31mb\u202eotamrif\u2066\u200b\r';
  const COMMANDS = [`${ESC}]`, `${ESC}[2J`, '\u0007', '\u009b', '\u202e', '\u2066', '\u200b'];
  const obeyed = (screen: Terminal) => COMMANDS.filter((command) => screen.raw().includes(command));

  test('of a package is shown, but does nothing to the terminal', async () => {
    const metadata = { vendor: HOSTILE, buildId: HOSTILE, releaseNotes: HOSTILE, annotations: { [HOSTILE]: HOSTILE } };
    await writeFile(folder.file('x.ota'), await smallPackage(Buffer.from('image'), metadata));
    const screen = terminal(['inspect', 'x.ota']);
    expect(await screen.ended).toBe(0);
    expect(screen.raw()).toContain('\\u{1b}');
    expect(obeyed(screen)).toEqual([]);
  });

  test.each([
    ['a file name', ['inspect', `${HOSTILE}.ota`], 16],
    ['an unknown command', [HOSTILE], 2],
    ['an unknown option', ['inspect', `--${HOSTILE}`], 2],
  ])('of %s does nothing to the terminal either', async (_, args, status) => {
    const screen = terminal(args);
    expect(await screen.ended).toBe(status);
    expect(obeyed(screen)).toEqual([]);
    expect(screen.raw()).toContain('\\u{1b}');
  });
});

describe('colour', () => {
  const failing = ['inspect', 'absent.ota'];

  test('marks an error on a terminal', async () => {
    const screen = terminal(failing);
    expect(await screen.ended).toBe(16);
    expect(screen.raw()).toMatch(COLOUR);
  });

  test.each([{ NO_COLOR: '1' }, { CI: 'true' }, { TERM: 'dumb' }])('is left out with %j', async (env) => {
    const screen = terminal(failing, env);
    expect(await screen.ended).toBe(16);
    expect(screen.raw()).toMatch(/^error: absent\.ota: no such file or directory\r\n {2}→ Check the path\.\r\n$/);
  });
});

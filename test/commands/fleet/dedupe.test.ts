import { access, appendFile, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { message, messages, type TelemetryFolder, telemetryFolder } from './telemetry-fixture.js';

let folder: TelemetryFolder;
const dedupe = (...args: string[]) => folder.fleet('dedupe', ...args);
const json = (status: number, ...args: string[]) => folder.json(status, 'dedupe', ...args);

beforeAll(async () => {
  folder = await telemetryFolder();
  await folder.write('in.ndjson', messages(2000));
  await folder.fleet('replay', 'in.ndjson', '--to', 'out.ndjson', '--store', 'seen', '--partitions', '2');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Flips a bit in the middle of a file. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(folder.file(path));
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(folder.file(path), bytes);
}

describe('commands that look', () => {
  let before: Record<string, string>;
  beforeEach(async () => {
    before = await folder.state();
  });

  test('stats tells how many ids there are, by partition', async () => {
    const stats = await json(0, 'stats', 'seen');
    expect(stats).toMatchObject({
      tenant: 'default',
      output: `file:${folder.file('out.ndjson')}`,
      window: { keys: 20_000_000 },
      keys: 2000,
      insertedKeys: 2000,
      oldestTime: '2026-01-01T00:00:00.000Z',
      damage: [],
    });
    const partitions = stats.partitions as { keys: number }[];
    expect(partitions.map(({ keys }) => keys).reduce((sum, keys) => sum + keys)).toBe(2000);
    const { stdout } = await dedupe('stats', 'seen');
    expect(stdout).toMatch(
      /^seen: remembers 2,000 ids\noutput +.*out\.ndjson\nwindow +20,000,000 ids at least; nothing/,
    );
    expect(stdout).toContain('\npartition  ids ');
    expect(await folder.state()).toEqual(before);
  });

  test('verify reads all of it', async () => {
    expect(await json(0, 'verify', 'seen')).toMatchObject({ keys: 2000, damage: [], partitions: [{}, {}] });
    expect(await dedupe('verify', 'seen')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^seen: OK\nread +/),
    });
    expect(await folder.state()).toEqual(before);
  });

  test('inspect knows the ids that came out, and ends with 16 for others', async () => {
    expect(await json(0, 'inspect', 'seen', 'm0', 'm1999')).toMatchObject({
      ids: [
        { id: 'm0', isRemembered: true, generation: 1, firstTime: '2026-01-01T00:00:00.000Z' },
        { id: 'm1999', isRemembered: true },
      ],
    });
    const { status, stdout } = await dedupe('inspect', 'seen', 'm1', 'm2000\u001b[2J');
    expect(status).toBe(16);
    expect(stdout).toMatch(/^m1 +came out: partition [01], generation 1/);
    expect(stdout).toContain('m2000\\u{1b}[2J  not remembered');
    expect(await folder.state()).toEqual(before);
  });

  test.each(['', 'x'.repeat(513), 'ä'.repeat(257)])('inspect takes nothing that can be no id: %j', async (id) => {
    expect(await json(2, 'inspect', 'seen', id)).toMatchObject({ error: { code: 'USAGE' } });
  });

  test.each([['stats'], ['verify'], ['inspect'], ['age'], ['snapshot'], ['restore']])(
    '%s ends with 16 where there is no store, and makes none',
    async (command) => {
      const more = { inspect: ['m1'], age: ['--keys', '5'], snapshot: ['--out', 'copy'], restore: ['--from', 'none'] };
      const args = [command, 'nowhere', ...(more[command as keyof typeof more] ?? [])];
      expect(await json(16, ...args)).toMatchObject({ error: { code: 'NOT_FOUND' } });
      expect(await folder.state()).toEqual(before);
    },
  );

  test('and those that would change something, with --dry-run', async () => {
    const dry = [
      ['age', 'seen', '--keys', '0'],
      ['snapshot', 'seen', '--out', 'copy'],
      ['rebuild', 'other', '--from', 'out.ndjson'],
    ];
    for (const args of dry) expect(await json(0, ...args, '--dry-run')).toMatchObject({ dryRun: true });
    expect(await folder.state()).toEqual(before);
  });
});

describe('snapshot and restore', () => {
  test('a snapshot is a store, and a store made of it goes on with the output', async () => {
    expect(await json(0, 'snapshot', 'seen', '--out', 'copy')).toMatchObject({ partitions: 2, copy: 'copy' });
    const { copy: _, ...snapshot } = await json(0, 'stats', 'copy');
    expect(snapshot).toMatchObject({ keys: 2000 });
    await appendFile(folder.file('in.ndjson'), `${messages(5, 2000).join('\n')}\n`);
    await folder.fleet('replay', 'in.ndjson', '--to', 'out.ndjson', '--store', 'seen');

    const beforeRestore = await folder.state();
    expect(await json(0, 'restore', 'again', '--from', 'copy', '--dry-run')).toMatchObject({ dryRun: true });
    expect(await folder.state()).toEqual(beforeRestore);
    await json(0, 'restore', 'again', '--from', 'copy');
    const events = await folder.events(0, 'replay', 'in.ndjson', '--to', 'out.ndjson', '--store', 'again');
    expect(events.find(({ type }) => type === 'recovered')).toMatchObject({ addedKeys: 5, tailMessages: 5 });
    expect(events.at(-1)).toMatchObject({ counts: { written: 0, duplicates: 5 } });
  });

  test('neither goes where something is', async () => {
    const before = await folder.state();
    expect(await json(8, 'snapshot', 'seen', '--out', 'again')).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
    expect(await json(8, 'restore', 'seen', '--from', 'again')).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
    expect(await folder.state()).toEqual(before);
  });
});

test('age forgets whole generations, the oldest first', async () => {
  await folder.fleet('generate', '--lines', '60000', '--duplicate', '0%', '--out', 'long.ndjson');
  await folder.fleet('replay', 'long.ndjson', '--to', 'long.out', '--store', 'aged', '--window-keys', '200000');
  const [oldest] = await folder.ids('long.out');
  const { keys, droppedKeys } = await json(0, 'age', 'aged', '--keys', '20000');
  expect(Number(keys) + Number(droppedKeys)).toBe(60_000);
  expect(keys).toBeGreaterThanOrEqual(20_000);
  expect(droppedKeys).toBeGreaterThan(0);
  expect(await json(16, 'inspect', 'aged', oldest!)).toMatchObject({ ids: [{ isRemembered: false }] });
  expect(await json(0, 'stats', 'aged')).toMatchObject({ keys, insertedKeys: 60_000 });
});

describe('a damaged store', () => {
  beforeAll(async () => {
    await folder.write('some.ndjson', messages(30_000));
    await folder.fleet('replay', 'some.ndjson', '--to', 'some.out', '--store', 'hurt', '--window-keys', '100000');
    await access(folder.file('hurt/default/p0000/00000001.segment'));
    await damage('hurt/default/p0000/00000001.segment');
    await folder.write('hurt/default/dead-letters.ndjson', ['{}']);
  });

  test('verify says what is damaged and where, with status 4; the others serve the rest', async () => {
    const report = await json(4, 'verify', 'hurt');
    expect(report).toMatchObject({ damage: [{ partition: 0, file: '00000001.segment', cause: expect.any(String) }] });
    const { status, stdout } = await dedupe('verify', 'hurt');
    expect(status).toBe(4);
    expect(stdout).toMatch(/^hurt: 1 block cannot be read\n/);
    expect(stdout).toMatch(/damage +partition 0, 00000001\.segment, bytes \d+ to \d+: .*, [\d,]+ ids lost\n/);
    expect(await json(0, 'stats', 'hurt')).toMatchObject({ damage: [{ file: '00000001.segment' }] });
    expect(await json(4, 'age', 'hurt', '--keys', '5')).toMatchObject({ error: { code: 'STORE_DAMAGED' } });
  });

  test('is replaced by one that is made of the output, only with --force, and kept', async () => {
    const before = await folder.state();
    expect(await json(8, 'rebuild', 'hurt', '--from', 'some.out')).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
    expect(await folder.state()).toEqual(before);
    expect(await json(0, 'rebuild', 'hurt', '--from', 'some.out', '--force')).toMatchObject({
      keys: 30_000,
      tailMessages: 30_000,
      former: 'hurt/default.former-1',
    });
    expect(await json(0, 'stats', 'hurt')).toMatchObject({ keys: 30_000, window: { keys: 100_000 }, damage: [] });
    expect(await readFile(folder.file('hurt/default/dead-letters.ndjson'), 'utf8')).toBe('{}\n');
    expect(Object.keys(await folder.state()).filter((path) => path.includes('.rebuild'))).toEqual([]);
    const events = await folder.events(0, 'replay', 'some.ndjson', '--to', 'some.out', '--store', 'hurt');
    expect(events.at(-1)).toMatchObject({ counts: { lines: 30_000, written: 0, duplicates: 30_000 } });
  });
});

describe('rebuild', () => {
  test('makes a store of other partitions from what came out', async () => {
    await json(0, 'rebuild', 'eight', '--from', 'out.ndjson', '--partitions', '8');
    const { keys, partitions } = await json(0, 'stats', 'eight');
    expect(keys).toBe((await folder.ids('out.ndjson')).length);
    expect(partitions).toHaveLength(8);
  });

  test('takes up no more than the window holds, and says so', async () => {
    const rebuilt = await json(0, 'rebuild', 'narrow', '--from', 'out.ndjson', '--window-keys', '500');
    expect(rebuilt).toMatchObject({ isPartial: true });
    expect(Number(rebuilt.keys)).toBeLessThan(2000);
    expect(await json(0, 'inspect', 'narrow', 'm1999')).toMatchObject({ ids: [{ isRemembered: true }] });
  });

  test.each([
    ['a missing output', 16, 'NOT_FOUND', 'nope.ndjson'],
    ['an output that cannot be read back', 2, 'USAGE', 'http://localhost/x'],
  ])('refuses %s', async (_, status, code, from) => {
    const before = await folder.state();
    expect(await json(status, 'rebuild', 'fresh', '--from', from)).toMatchObject({ error: { code } });
    expect(await folder.state()).toEqual(before);
  });
});

test('each tenant has a store of its own', async () => {
  await folder.write('a.ndjson', [message('same')]);
  for (const tenant of ['acme', 'zeta']) {
    const args = ['a.ndjson', '--to', `${tenant}.out`, '--store', 'shared', '--tenant', tenant];
    expect((await folder.events(0, 'replay', ...args)).at(-1)).toMatchObject({ counts: { written: 1 } });
  }
  expect(await json(0, 'stats', 'shared', '--tenant', 'zeta')).toMatchObject({ keys: 1, tenant: 'zeta' });
  expect(await json(16, 'stats', 'shared')).toMatchObject({ error: { code: 'NOT_FOUND' } });
});

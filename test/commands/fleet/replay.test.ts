import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, appendFile, link, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { serveAedes } from '../../lib/telemetry/brokers.js';
import { cleanEnvironment, executableFile, runCli } from '../../support/cli.js';
import { message, messages, type TelemetryFolder, telemetryFolder } from './telemetry-fixture.js';

let folder: TelemetryFolder;
beforeEach(async () => {
  folder = await telemetryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const replay = (...args: string[]) => folder.fleet('replay', ...args);
const TO_OUT = ['--to', 'out.ndjson', '--store', 'seen'];

describe('from file to file', () => {
  test('each message comes out once, as it is, in its order', async () => {
    const lines = [
      ...messages(50),
      message('m7'),
      message('late', { timestamp: '2020-01-01T00:00:00Z' }),
      message('m8'),
    ];
    await folder.write('in.ndjson', lines);
    const { status, stdout, stderr } = await replay('in.ndjson', ...TO_OUT);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'in.ndjson → out.ndjson: each message comes out exactly once\n',
    });
    expect(stdout).toMatch(/^out\.ndjson: 51 messages came out, exactly once\nread +53 lines of in\.ndjson, /);
    expect(stdout).toContain('\nduplicates  2 dropped (3.8 %)\n');
    const out = lines.filter((line, index) => lines.indexOf(line) === index);
    expect(await readFile(folder.file('out.ndjson'), 'utf8')).toBe(`${out.join('\n')}\n`);
  });

  test('a second run goes on with what came since, whatever flags the first one had', async () => {
    await folder.write('in.ndjson', messages(10));
    await replay('in.ndjson', ...TO_OUT, '--partitions', '3', '--window-keys', '5000', '--payload-digest');
    const again = await replay('in.ndjson', ...TO_OUT);
    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('out.ndjson: nothing new in in.ndjson') });
    await appendFile(folder.file('in.ndjson'), `${[message('m3'), ...messages(5, 10)].join('\n')}\n`);
    expect((await folder.events(0, 'replay', 'in.ndjson', ...TO_OUT)).at(-1)).toMatchObject({
      type: 'finished',
      counts: { lines: 6, written: 5, duplicates: 1 },
      isInterrupted: false,
    });
    expect(await folder.ids('out.ndjson')).toEqual(messages(15).map((line) => JSON.parse(line).messageId));
    expect(await folder.json(0, 'dedupe', 'stats', 'seen')).toMatchObject({
      window: { keys: 5000 },
      digestBytes: 8,
      partitions: [{ partition: 0 }, { partition: 1 }, { partition: 2 }],
    });
  });

  test('nothing is read that the same run writes, whatever other name it has', async () => {
    await folder.write('in.ndjson', ['no message', ...messages(3)]);
    await link(folder.file('in.ndjson'), folder.file('hard.ndjson'));
    await symlink('in.ndjson', folder.file('soft.ndjson'));
    const before = await folder.state();
    const runs = [
      ['in.ndjson', ...TO_OUT, '--dead-letters', 'hard.ndjson'],
      ['soft.ndjson', '--to', 'hard.ndjson', '--store', 'seen'],
      ['soft.ndjson', 'in.ndjson', ...TO_OUT],
    ];
    for (const args of runs) {
      expect(await replay(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining('named twice') });
      expect(await folder.state()).toEqual(before);
    }
  });

  test('--no-from-checkpoint reads from the start, and drops what came out', async () => {
    await folder.write('in.ndjson', messages(20));
    await replay('in.ndjson', ...TO_OUT);
    const events = await folder.events(0, 'replay', 'in.ndjson', ...TO_OUT, '--no-from-checkpoint');
    expect(events.at(-1)).toMatchObject({ counts: { lines: 20, written: 0, duplicates: 20 } });
    expect(await folder.ids('out.ndjson')).toHaveLength(20);
  });

  test('several sources follow each other, and share what is remembered', async () => {
    await folder.write('monday.ndjson', messages(10));
    await folder.write('tuesday.ndjson', messages(10, 5));
    await replay('monday.ndjson', 'tuesday.ndjson', ...TO_OUT);
    expect(await folder.ids('out.ndjson')).toEqual(messages(15).map((line) => JSON.parse(line).messageId));
  });

  test('faults put in by a seed are the same faults again, and none of them comes out', async () => {
    await folder.fleet('generate', '--lines', '2000', '--duplicate', '0%', '--out', 'in.ndjson');
    const drill = ['--duplicate', '5%', '--reorder', '5s', '--drop-ack', '2%', '--seed', '3'];
    const [first] = (await folder.events(0, 'replay', 'in.ndjson', ...TO_OUT, ...drill)).slice(-1);
    const other = ['--to', 'other.ndjson', '--store', 'other'];
    const [second] = (await folder.events(0, 'replay', 'in.ndjson', ...other, ...drill)).slice(-1);
    expect(first).toMatchObject({ counts: { written: 2000 } });
    expect(second!.counts).toEqual(first!.counts);
    const [ids, sent] = [await folder.ids('out.ndjson'), await folder.ids('in.ndjson')];
    expect(ids).not.toEqual(sent);
    expect([...ids].sort()).toEqual([...sent].sort());
  });
});

describe('what is no message', () => {
  const LINES = [
    message('a'),
    'not json',
    message('a', { type: 'other' }),
    JSON.stringify({ type: 'x' }),
    message('b'),
  ];
  const letters = async (path: string) =>
    (await readFile(folder.file(path), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  beforeEach(() => folder.write('in.ndjson', LINES));

  test('is kept in the store, with its line and cause', async () => {
    const { status, stdout } = await replay('in.ndjson', ...TO_OUT, '--payload-digest');
    expect(status).toBe(0);
    expect(stdout).toMatch(/conflicts +1, kept in seen\/default\/dead-letters\.ndjson\nrefused +2, kept in/);
    expect(await folder.ids('out.ndjson')).toEqual(['a', 'b']);
    const source = `file:${folder.file('in.ndjson')}`;
    expect(await letters('seen/default/dead-letters.ndjson')).toEqual([
      { source, line: 2, cause: expect.any(String), text: LINES[1] },
      { source, line: 4, cause: expect.any(String), text: LINES[3] },
      { source, line: 3, cause: 'conflict', text: LINES[2] },
    ]);
  });

  test('goes where --dead-letters says', async () => {
    await replay('in.ndjson', ...TO_OUT, '--dead-letters', 'letters.ndjson');
    expect(await letters('letters.ndjson')).toHaveLength(2);
  });

  test('gets an id with --missing-id derive, the same one each time', async () => {
    await replay('in.ndjson', ...TO_OUT, '--missing-id', 'derive');
    const ids = await folder.ids('out.ndjson');
    expect(ids).toEqual(['a', expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8/), 'b']);
    await replay('in.ndjson', ...TO_OUT, '--missing-id', 'derive', '--no-from-checkpoint');
    expect(await folder.ids('out.ndjson')).toEqual(ids);
  });

  test('stops the run with --strict, and what came before has come out', async () => {
    const { status, stderr } = await replay('in.ndjson', ...TO_OUT, '--strict');
    expect(status).toBe(4);
    expect(stderr).toMatch(/^error: .*in\.ndjson: line 2: /m);
    expect(await folder.ids('out.ndjson')).toEqual(['a']);
  });
});

describe('a run that is refused changes nothing:', () => {
  let folder: TelemetryFolder;
  beforeAll(async () => {
    folder = await telemetryFolder();
    await folder.write('in.ndjson', messages(5));
    await folder.write('full.ndjson', messages(3));
    await folder.fleet('replay', 'in.ndjson', ...TO_OUT);
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test.each([
    ['a source that is missing', 16, 'NOT_FOUND', ['nope.ndjson', ...TO_OUT]],
    ['other partitions', 2, 'STORE_MISMATCH', ['in.ndjson', ...TO_OUT, '--partitions', '2']],
    ['digests in a store without', 2, 'STORE_MISMATCH', ['in.ndjson', ...TO_OUT, '--payload-digest']],
    ['another output', 2, 'STORE_MISMATCH', ['in.ndjson', '--to', 'other.ndjson', '--store', 'seen']],
    ['an output that nobody remembers', 8, 'OUTPUT_EXISTS', ['in.ndjson', '--to', 'full.ndjson', '--store', 'new']],
    ['a source as its own output', 2, 'USAGE', ['in.ndjson', '--to', 'in.ndjson', '--store', 'new']],
    ['dead letters into the output', 2, 'USAGE', ['in.ndjson', ...TO_OUT, '--dead-letters', 'out.ndjson']],
    ['a folder as its source', 6, 'IO_FAILED', ['.', ...TO_OUT]],
    ['a window that memory does not hold', 9, 'LIMIT_EXCEEDED', ['in.ndjson', ...TO_OUT, '--memory', '1KiB']],
    ['events and messages on stdout', 2, 'USAGE', ['in.ndjson', '--to', '-', '--store', 'new']],
    ['a scheme of its own', 2, 'USAGE', ['in.ndjson', '--to', 'kafak://x/y', '--store', 'new']],
    ['two paces', 2, 'USAGE', ['in.ndjson', ...TO_OUT, '--rate', '5/s', '--speed', '2x']],
    ['a rate without a time', 2, 'USAGE', ['in.ndjson', ...TO_OUT, '--rate', '5000']],
    ['waiting for silence of a file', 2, 'USAGE', ['in.ndjson', ...TO_OUT, '--until-idle', '5s']],
    ['a token for a file', 2, 'USAGE', ['in.ndjson', ...TO_OUT, '--token-env', 'HOME']],
    ['a password in an address', 2, 'SECRET_IN_ARGV', ['in.ndjson', '--to', 'mqtt://u:hunter2@h/t', '--store', 'new']],
    ['a tenant that leads elsewhere', 2, 'USAGE', ['in.ndjson', ...TO_OUT, '--tenant', '../x']],
  ])('%s', async (_, status, code, args) => {
    const before = await folder.state();
    const [error] = await folder.events(status, 'replay', ...args);
    expect(error).toMatchObject({ type: 'error', error: { code, exitStatus: status } });
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(await folder.state()).toEqual(before);
  });
});

test('an output that was emptied is refused, until somebody says that it is meant', async () => {
  await folder.write('in.ndjson', messages(5));
  await replay('in.ndjson', ...TO_OUT);
  await truncate(folder.file('out.ndjson'), 0);
  await folder.write('in.ndjson', messages(8));
  const before = await folder.state();
  const [error] = await folder.events(8, 'replay', 'in.ndjson', ...TO_OUT, '--no-from-checkpoint');
  expect(error).toMatchObject({ error: { code: 'CHECKPOINT_MISMATCH' } });
  expect(await folder.state()).toEqual(before);
  await replay('in.ndjson', ...TO_OUT, '--no-from-checkpoint', '--new-output');
  expect(await folder.ids('out.ndjson')).toEqual(['m5', 'm6', 'm7']);
});

test('a first run that failed binds its store to nothing', async () => {
  await folder.write('in.ndjson', messages(5));
  expect(await replay('in.ndjson', '--to', 'missing/out.ndjson', '--store', 'seen')).toMatchObject({ status: 16 });
  expect(await replay('in.ndjson', ...TO_OUT)).toMatchObject({ status: 0 });
});

test('--rebuild takes up the ids of an output that nobody remembers', async () => {
  await folder.write('in.ndjson', messages(8));
  await folder.write('out.ndjson', messages(3));
  const events = await folder.events(0, 'replay', 'in.ndjson', ...TO_OUT, '--rebuild');
  expect(events.map(({ type }) => type)).toContain('recovered');
  expect(await folder.ids('out.ndjson')).toEqual(messages(8).map((line) => JSON.parse(line).messageId));
});

test('--dry-run tells where a run would go on, and changes nothing', async () => {
  await folder.write('in.ndjson', messages(5));
  const nothing = await folder.state();
  expect(await folder.events(0, 'replay', 'in.ndjson', ...TO_OUT, '--dry-run')).toMatchObject([
    { type: 'plan', isFirst: true },
  ]);
  expect(await folder.state()).toEqual(nothing);

  await replay('in.ndjson', ...TO_OUT);
  await appendFile(folder.file('out.ndjson'), `${message('later')}\n`); // as if the store had missed a write
  const before = await folder.state();
  const { status, stdout } = await replay('in.ndjson', ...TO_OUT, '--dry-run');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^out\.ndjson: messages would come out exactly once, nothing was changed\n/);
  expect(stdout).toMatch(/source +in\.ndjson, from line 6\nrepair +1 message of the output to read, 1 id to add/);
  expect(await folder.state()).toEqual(before);
});

test('warns when the window falls below the time that it has to span', async () => {
  await folder.fleet('generate', '--lines', '60000', '--out', 'in.ndjson');
  const { status, stderr } = await replay('in.ndjson', ...TO_OUT, '--window-keys', '20000', '--min-window-time', '2h');
  expect(status).toBe(0);
  expect(stderr).toMatch(/^warning: the .* ids that the store remembers span/m);
});

describe('pipes', () => {
  test('from stdin to stdout: the messages there, everything else on stderr', async () => {
    const { status, stdout, stderr } = await runCli('fleet', ['replay', '-', '--to', '-', '--store', 'seen'], {
      cwd: folder.path,
      stdin: `${message('a')}\n${message('a')}\n${message('b')}\n`,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${message('a')}\n${message('b')}\n` });
    expect(stderr).toContain('stdin → stdout: each message comes out at least once\n');
    expect(stderr).toMatch(/^warning: stdout: cannot be asked/m);
    expect(stderr).toMatch(/^warning: stdin: cannot be read again/m);
    expect(stderr).toContain('stdout: 2 messages came out, at least once\n');
  });

  test('a reader that ends early is told about, and the rest comes out next time', async () => {
    await folder.write('in.ndjson', messages(20_000));
    const args = [executableFile('fleet'), 'replay', 'in.ndjson', '--to', '-', '--store', 'seen'];
    const child = spawn(process.execPath, args, { cwd: folder.path, env: cleanEnvironment(), stdio: 'pipe' });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [status] = await once(child, 'close');
    expect({ status, stderr }).toEqual({
      status: 6,
      stderr: expect.stringContaining('error: stdout: whoever read it'),
    });
    const { stdout } = await replay('in.ndjson', '--to', '-', '--store', 'seen');
    expect(stdout.endsWith(`${message('m19999')}\n`)).toBe(true);
  });
});

describe('Ctrl-C and SIGTERM', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s stops at a batch boundary, and the next run goes on there', async (signal, status) => {
    await folder.write('in.ndjson', messages(3000));
    const args = [executableFile('fleet'), 'replay', 'in.ndjson', ...TO_OUT, '--rate', '2000/s', '--json'];
    const child = spawn(process.execPath, args, { cwd: folder.path, env: cleanEnvironment(), stdio: 'pipe' });
    let stdout = '';
    let isTold = false;
    child.stdout.on('data', (text) => {
      stdout += text;
      const hasWritten = /"written":[1-9]/.test(stdout);
      if (hasWritten && !isTold) child.kill(signal);
      isTold ||= hasWritten;
    });
    expect(await once(child, 'close')).toEqual([status, null]);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { counts } = events.at(-1);
    expect(events[0]).toMatchObject({ type: 'started', guarantee: 'exactly-once', isContinued: false });
    expect(events.at(-1)).toMatchObject({ type: 'finished', isInterrupted: true });
    expect(await folder.ids('out.ndjson')).toHaveLength(counts.written);
    expect(counts.written).toBeLessThan(3000);

    const rest = await folder.events(0, 'replay', 'in.ndjson', ...TO_OUT);
    expect(rest.at(-1)).toMatchObject({ counts: { written: 3000 - counts.written } });
    expect(await folder.ids('out.ndjson')).toEqual(messages(3000).map((line) => JSON.parse(line).messageId));
  });
});

describe('into an HTTP service', () => {
  test('each batch is posted with the token, and the promise is at least once', async () => {
    const posted: { authorization: string | undefined; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (bytes) => {
        body += bytes;
      });
      request.on('end', () => {
        posted.push({ authorization: request.headers.authorization, body });
        response.writeHead(posted.length === 1 ? 503 : 204, { 'retry-after': '0' }).end();
      });
    }).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      await folder.write('in.ndjson', [...messages(3), message('m0')]);
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ingest`;
      const args = ['replay', 'in.ndjson', '--to', address, '--store', 'seen', '--token-env', 'TOKEN'];
      const result = await runCli('fleet', args, { cwd: folder.path, env: { TOKEN: 'hunter2' } });
      expect(result).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('3 messages came out, at least once'),
      });
      expect(JSON.stringify(result)).not.toContain('hunter2');
      const body = messages(3)
        .map((line) => `${line}\n`)
        .join('');
      expect(posted).toEqual([
        { authorization: 'Bearer hunter2', body },
        { authorization: 'Bearer hunter2', body },
      ]);
    } finally {
      server.close();
    }
  });
});

describe('from an MQTT broker', () => {
  test('until it is silent, each message once', async () => {
    await using broker = await serveAedes();
    const from = `mqtt://127.0.0.1:${broker.port}/fleet/+`;
    const running = folder.events(0, 'replay', from, ...TO_OUT, '--until-idle', '500ms');
    await broker.subscribed;
    for (const line of [...messages(20), message('m3')]) {
      await new Promise((resolve) => {
        broker.aedes.publish(
          { cmd: 'publish', topic: 'fleet/d-1', payload: line, qos: 1, retain: false, dup: false },
          resolve,
        );
      });
    }
    const events = await running;
    expect(events[0]).toMatchObject({ type: 'started', sources: [expect.stringContaining('fleet/+')] });
    expect(events.at(-1)).toMatchObject({ counts: { written: 20, duplicates: 1 }, isInterrupted: false });
    expect(await folder.ids('out.ndjson')).toEqual(messages(20).map((line) => JSON.parse(line).messageId));
  });
});

test('a damaged store is refused, and served without its damage when that is accepted', async () => {
  await folder.fleet('generate', '--lines', '20000', '--out', 'in.ndjson');
  await replay('in.ndjson', ...TO_OUT, '--window-keys', '100000');
  const log = folder.file('seen/default/p0000/00000001.segment');
  await access(log);
  const bytes = await readFile(log);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await writeFile(log, bytes);
  const [error] = await folder.events(4, 'replay', 'in.ndjson', ...TO_OUT);
  expect(error).toMatchObject({ error: { code: 'STORE_DAMAGED' } });
  const { status, stdout, stderr } = await replay('in.ndjson', ...TO_OUT, '--accept-damage', '--no-from-checkpoint');
  expect(status).toBe(0);
  expect(stdout).not.toContain('exactly once');
  expect(stderr).not.toContain('exactly once');
  expect(stderr).toMatch(/^warning: 00000001\.segment, bytes \d+ to \d+: .*, [\d,]+ ids lost$/m);
  await rm(folder.file('seen'), { recursive: true });
});

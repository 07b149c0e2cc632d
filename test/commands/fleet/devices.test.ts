import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/core/clock.js';
import { tokenHash } from '../../../src/lib/server/access/token.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { cleanEnvironment, executableFile } from '../../support/cli.js';
import { type FleetDesk, openDesk } from './fleet-login.js';

let server: TestServer;
let desk: FleetDesk;
beforeAll(async () => {
  server = await startTestServer({ isShared: true, clock: systemClock });
});
afterAll(() => server.stop());
beforeEach(async () => {
  desk = await openDesk(server);
});
afterEach(() => desk[Symbol.asyncDispose]());

/** As an operator of a pipeline: no login, only the environment. */
const fleet = (words: string | readonly string[], stdin?: string) =>
  desk.fleet(words, {
    env: { FLEET_SERVER: server.url, FLEET_TOKEN_ENV: 'CI_TOKEN', CI_TOKEN: server.token('operator') },
    ...(stdin !== undefined && { stdin }),
  });
const make = (devices: object[]) => server.call('POST', '/api/v1/devices', { body: devices });
const known = async (): Promise<string[]> => {
  const { body } = await server.call('GET', '/api/v1/devices?limit=1000');
  return body.items.map((device: object) => JSON.stringify(device));
};
const show = async (id: string) => (await server.call('GET', `/api/v1/devices/${id}`)).body;
/** The hash that the server keeps of a device's token. */
const hash = async (id: string) =>
  (
    await server.running.context.database.sql
      .selectFrom('device')
      .select('token_hash')
      .where('controller_id', '=', id)
      .executeTakeFirstOrThrow()
  ).token_hash;

describe('fleet devices list', () => {
  beforeAll(() =>
    make(
      Array.from({ length: 120 }, (_, n) => ({
        id: `l-${String(n).padStart(3, '0')}`,
        group: 'list',
        name: n === 7 ? 'evil "one", two' : `device ${n}`,
        attributes: { model: n % 2 === 0 ? 'x' : 'y', note: n === 0 ? 'a\u001b[2Jb' : '' },
      })),
    ),
  );

  test('shows columns of what conditions choose; a list that is cut says so', async () => {
    const cut = await fleet(['devices', 'list', '--where', 'group=list', '--columns', 'id,model,seen']);
    expect(cut.status).toBe(0);
    const lines = cut.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(101);
    expect(lines.slice(0, 2)).toEqual(['ID     MODEL  SEEN', 'l-000  x      never']);
    expect(cut.stderr).toContain('showing 100 of 120 devices; --all or --limit N shows more');
    const all = await fleet(['devices', 'list', '--where', 'group=list', '--where', 'model=y', '--offline', '--all']);
    expect(all.stdout.trimEnd().split('\n')).toHaveLength(61);
    expect(all.stderr).toBe('');
  });

  test('as a document, as lines, as a table for spreadsheets', async () => {
    const filter = ['devices', 'list', '--filter', 'controllerId==l-00*', '--sort', 'id:desc'];
    const json = JSON.parse((await fleet([...filter, '--json'])).stdout);
    expect(json.total).toBe(10);
    expect(json.items[0]).toMatchObject({ id: 'l-009', attributes: { model: 'y' } });
    const lines = (await fleet([...filter, '--output', 'ndjson'])).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(json.items.map(({ id }: { id: string }) => id));
    const csv = (await fleet([...filter, '--output', 'csv', '--columns', 'id,name'])).stdout.split('\n');
    expect([csv[0], csv[1], csv[3]]).toEqual(['id,name', 'l-009,device 9', 'l-007,"evil ""one"", two"']);
  });

  test('what a device says cannot move the cursor', async () => {
    const { stdout } = await fleet(['devices', 'list', '--where', 'id=l-000', '--columns', 'attribute.note']);
    expect(stdout).toContain('a\\u{1b}[2Jb');
    expect(stdout).not.toContain('\u001b');
  });

  test('--watch tells as NDJSON what comes, changes and goes, until Ctrl-C', async () => {
    await make([{ id: 'w-1' }, { id: 'w-2' }]);
    const words = ['devices', 'list', '--where', 'id=w-*', '--watch'];
    const child = spawn(process.execPath, [executableFile('fleet'), ...words], {
      env: { ...cleanEnvironment(), FLEET_SERVER: server.url, FLEET_TOKEN_ENV: 'T', T: server.token('viewer') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => {
      const { type, device, id } = JSON.parse(String((await lines.next()).value));
      return [type, device?.id ?? id, device?.group];
    };
    expect([await next(), await next()]).toEqual([
      ['device', 'w-1', null],
      ['device', 'w-2', null],
    ]);
    await server.call('PATCH', '/api/v1/devices/w-1', { body: { group: 'g' } });
    await server.call('DELETE', '/api/v1/devices/w-2');
    expect([await next(), await next()]).toEqual([
      ['device', 'w-1', 'g'],
      ['gone', 'w-2', undefined],
    ]);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
  }, 30_000);

  test.each([
    ['a condition about nothing', ['--where', 'colour=red']],
    ['a filter that is none', ['--filter', 'name=']],
    ['a column that is none', ['--columns', 'colour']],
    ['an order that is none', ['--sort', 'colour']],
    ['both states at once', ['--online', '--offline']],
  ])('refuses %s before it asks a server', async (_, words) => {
    const refused = await desk.fleet(['devices', 'list', '--server', 'http://127.0.0.1:1', ...words]);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('fleet devices show', () => {
  test('shows all of one device; an unknown one is status 16', async () => {
    await make([{ id: 'show-1', tags: ['a'], attributes: { model: 'x' }, metadata: { site: 'north' } }]);
    const { stdout } = await fleet('devices show show-1');
    for (const part of ['show-1', 'offline, seen never', 'Attributes', 'model  x', 'site  north'])
      expect(stdout).toContain(part);
    expect(JSON.parse((await fleet('devices show show-1 --json')).stdout)).toEqual(await show('show-1'));
    expect(await fleet('devices show nobody')).toMatchObject({ status: 16, stdout: '' });
  });
});

describe('fleet devices register', () => {
  test('writes the token that the device logs in with, for its owner alone', async () => {
    const made = await fleet(
      'devices register reg-1 --group g --tag a --tag b --attribute model=x --token-out t.token',
    );
    expect(made).toMatchObject({ status: 0, stdout: 'Registered reg-1\n' });
    expect((await stat(desk.folder.file('t.token'))).mode & 0o777).toBe(0o600);
    const [, token = ''] = /^([0-9a-f]{64})\n$/.exec(await readFile(desk.folder.file('t.token'), 'utf8')) ?? [];
    expect(await hash('reg-1')).toBe(tokenHash(token));
    expect(await show('reg-1')).toMatchObject({ group: 'g', tags: ['a', 'b'], attributes: { model: 'x' } });
  });

  test('a device that is known is status 8, and leaves no file', async () => {
    await make([{ id: 'reg-2' }]);
    const before = await hash('reg-2');
    expect(await fleet('devices register reg-2 --token-out t.csv')).toMatchObject({ status: 8, stdout: '' });
    expect(await desk.folder.state()).toEqual({});
    expect(await hash('reg-2')).toBe(before);
  });

  test('refuses where nobody would see the token, and changes nothing in a dry run', async () => {
    const before = await known();
    expect(await fleet('devices register reg-3')).toMatchObject({ status: 2, stdout: '' });
    expect(await fleet('devices register reg-3 --dry-run')).toMatchObject({
      status: 0,
      stdout: 'Would register reg-3\n',
    });
    expect(await known()).toEqual(before);
  });

  test('a role that may not is status 15', async () => {
    const env = { FLEET_SERVER: server.url, FLEET_TOKEN_ENV: 'T', T: server.token('viewer') };
    expect(await desk.fleet('devices register reg-4 --no-token', { env })).toMatchObject({ status: 15, stdout: '' });
  });
});

describe('fleet devices import', () => {
  const CSV = 'id,name,tags,attribute.model,metadata.site\nim-1,"Pump, big",a b,x,north\nim-2,,,y,\n';

  test('registers a file and writes the tokens', async () => {
    await writeFile(desk.folder.file('d.csv'), CSV);
    const made = await fleet('devices import d.csv --tokens-out t.csv');
    expect(made).toMatchObject({ status: 0, stdout: 'Registered 2 devices\n' });
    expect(await show('im-1')).toMatchObject({ name: 'Pump, big', tags: ['a', 'b'], metadata: { site: 'north' } });
    expect(await show('im-2')).toMatchObject({ name: 'im-2', tags: [], metadata: {}, hasToken: true });
    expect((await stat(desk.folder.file('t.csv'))).mode & 0o777).toBe(0o600);
    expect((await readFile(desk.folder.file('t.csv'), 'utf8')).split('\n')).toHaveLength(4);
  });

  test('all or nothing, unless --partial; --update changes and keeps tokens', async () => {
    await make([{ id: 'mix-1', name: 'old', metadata: { a: '1' } }]);
    const token = await hash('mix-1');
    const lines = '{"id":"mix-1","name":"new"}\n{"id":"mix-2"}\n';
    const before = await known();
    const refused = await fleet('devices import - --format ndjson --no-tokens', lines);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain('mix-1 is known already');
    const dry = await fleet('devices import - --format ndjson --update --dry-run', lines);
    expect(dry.stdout).toBe('Would register 1 device, change 1\n');
    expect(await known()).toEqual(before);
    const part = await fleet('devices import - --format ndjson --partial --no-tokens', lines);
    expect(part.stdout).toBe('Registered 1 device, left out 1 that are known\n');
    expect((await show('mix-1')).name).toBe('old');
    expect((await show('mix-2')).hasToken).toBe(false);
    const changed = await fleet('devices import - --format ndjson --update --no-tokens', lines);
    expect(changed.stdout).toBe('Registered 0 devices, changed 2\n');
    expect(await show('mix-1')).toMatchObject({ name: 'new', metadata: { a: '1' } });
    expect(await hash('mix-1')).toBe(token);
  }, 20_000);

  test.each([
    ['a quote in a cell', 'id,name\na,b"c\n', 4, 'line 2, column 4'],
    ['a row that is too short', 'id,name\na\n', 4, 'line 2: has 1 cells'],
    ['a column that is none', 'id,nmae\n', 4, 'Did you mean name?'],
    ['a name that cannot be', 'id\nok\na/b\n', 4, 'line 3: id'],
    ['a device that stands there twice', 'id\na\nb\na\n', 4, 'line 4: a stands in line 2 already'],
    ['no device', 'id\n', 4, 'lists no device'],
    ['devices without a place for their tokens', 'id\nplace\n', 2, '--tokens-out'],
  ])('refuses %s', async (_, csv, status, message) => {
    const before = await known();
    const refused = await fleet('devices import - --format csv', csv);
    expect(refused).toMatchObject({ status, stdout: '' });
    expect(refused.stderr).toContain(message);
    expect(await known()).toEqual(before);
    expect(await desk.folder.state()).toEqual({});
  });

  test('ten thousand devices, and no more at once', async () => {
    const csv = (count: number) => `id,group\n${Array.from({ length: count }, (_, n) => `ten-${n},ten\n`).join('')}`;
    expect(await fleet('devices import - --format csv --no-tokens', csv(10_001))).toMatchObject({ status: 9 });
    expect((await fleet('devices import - --format csv --tokens-out t.csv', csv(10_000))).stdout).toBe(
      'Registered 10,000 devices\n',
    );
    expect((await server.call('GET', '/api/v1/devices?where=group==ten&limit=0')).body.total).toBe(10_000);
    expect(await fleet('devices remove --where group=ten --yes')).toMatchObject({ stdout: 'Removed 10,000 devices\n' });
  }, 60_000);
});

describe('fleet devices set', () => {
  test('changes one; an empty value takes away', async () => {
    await make([{ id: 'set-1', group: 'g', tags: ['old'], metadata: { a: '1', b: '2' } }]);
    const words = [
      'devices',
      'set',
      'set-1',
      '--group',
      '',
      '--tag',
      'new',
      '--untag',
      'old',
      '--metadata',
      'a=',
      '--metadata',
      'c=3',
    ];
    const before = await known();
    expect(await fleet([...words, '--dry-run'])).toMatchObject({ status: 0, stdout: 'Would change set-1\n' });
    expect(await known()).toEqual(before);
    expect(await fleet(words)).toMatchObject({ status: 0 });
    expect(await show('set-1')).toMatchObject({ group: null, tags: ['new'], metadata: { b: '2', c: '3' } });
    expect(await fleet('devices set nobody --name x')).toMatchObject({ status: 16 });
  });

  test('many only with --yes where nobody can be asked', async () => {
    await make(['sm-1', 'sm-2'].map((id) => ({ id, group: 'sm' })));
    const before = await known();
    expect(await fleet('devices set --where group=sm --tag t')).toMatchObject({ status: 2, stdout: '' });
    expect(await fleet('devices set --tag t')).toMatchObject({ status: 2 });
    expect(await fleet('devices set sm-1 --where group=sm --tag t')).toMatchObject({ status: 2 });
    expect(await fleet('devices set sm-1')).toMatchObject({ status: 2 });
    expect(await known()).toEqual(before);
    expect(await fleet('devices set --where group=sm --tag t --yes')).toMatchObject({ stdout: 'Changed 2 devices\n' });
    expect((await show('sm-2')).tags).toEqual(['t']);
  });
});

describe('fleet devices remove', () => {
  test('removes what is named, all or none, and asks', async () => {
    await make(['rm-1', 'rm-2'].map((id) => ({ id })));
    const before = await known();
    expect(await fleet('devices remove rm-1')).toMatchObject({ status: 2, stdout: '' });
    expect(await fleet('devices remove rm-1 nobody --yes')).toMatchObject({ status: 16, stdout: '' });
    expect(await fleet('devices remove rm-1 rm-2 --dry-run')).toMatchObject({
      status: 0,
      stdout: 'Would remove 2 devices\n',
    });
    expect(await fleet('devices remove --yes')).toMatchObject({ status: 2 });
    expect(await known()).toEqual(before);
    expect(await fleet('devices remove rm-1 rm-2 --yes')).toMatchObject({ status: 0, stdout: 'Removed 2 devices\n' });
    expect(await fleet('devices show rm-1')).toMatchObject({ status: 16 });
  });
});

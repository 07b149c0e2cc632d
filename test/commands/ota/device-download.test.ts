import { readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Handler, serve } from '../../lib/net/servers.js';
import { runCli } from '../../support/cli.js';
import { type DeviceFolder, deviceFolder } from './device-fixture.js';

let folder: DeviceFolder;
let packageBytes: Buffer;
beforeAll(async () => {
  folder = await deviceFolder();
  // Two full images: more than the device syncs at a time.
  const images = ['--to', 'app=old.bin', '--to', 'extra=new.bin', '--to', 'more=new.bin'];
  const release = '--product movehub --model M1 --version 3.7.0 --sequence 7 --sign a.key --full --out big.ota';
  expect(await folder.ota('pack', ...images, ...release.split(' '))).toMatchObject({ status: 0 });
  packageBytes = await readFile(folder.file('big.ota'));
  const factory = ['app', 'extra', 'more'].flatMap((component) => ['--image', `${component}=old.bin`]);
  expect(await folder.init('factory', ...factory, '--version', '3.6.0')).toMatchObject({ status: 0 });
});
afterAll(() => folder[Symbol.asyncDispose]());
beforeEach(() => folder.copy('factory', 'hub'));

const ETAG = '"first"';

/** Answers as a file server with ranges does. */
const wholeFile: Handler = ({ headers }, response) => {
  const [, first] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? [];
  if (first === undefined || headers['if-range'] !== ETAG) {
    response.writeHead(200, { etag: ETAG, 'content-length': packageBytes.length }).end(packageBytes);
    return;
  }
  const size = packageBytes.length;
  const range = { 'content-range': `bytes ${first}-${size - 1}/${size}`, 'content-length': size - Number(first) };
  response.writeHead(206, { etag: ETAG, ...range }).end(packageBytes.subarray(Number(first)));
};

test('a download that was interrupted goes on where it stopped, in another process', async () => {
  const abort = new AbortController();
  const sent = 290_000;
  let isFirst = true;
  await using server = await serve((request, response, count) => {
    if (!isFirst) return wholeFile(request, response, count);
    response.writeHead(200, { etag: ETAG, 'content-length': packageBytes.length });
    return void response.write(packageBytes.subarray(0, sent));
  });
  const address = `${server.origin}/big.ota?token=hunter2`;
  const options = { cwd: folder.path, signal: abort.signal };
  const interrupted = runCli('ota', ['apply', address, '--device', 'hub'], options);
  await expect.poll(() => received(), { timeout: 20_000, interval: 20 }).toBeGreaterThan(0);
  abort.abort('SIGINT');
  expect(await interrupted).toMatchObject({ status: 130 });
  isFirst = false;

  const { stdout } = await folder.ota('device', 'status', 'hub');
  expect(stdout).toMatch(/download +\d+ KiB of \d+ KiB of http:.*big\.ota\?….*goes on/);
  expect(stdout).not.toContain('hunter2');
  const before = await received();
  expect(await folder.json(0, 'apply', address, '--device', 'hub')).toMatchObject({ outcome: 'installed' });
  expect(server.requests.at(-1)?.headers.range).toBe(`bytes=${before}-`);
  expect(await readdir(folder.file('hub'))).not.toContain('download.part');
  expect(await folder.json(0, 'device', 'status', 'hub')).not.toHaveProperty('download');
});

/** What the device knows to have, bytes. */
async function received(): Promise<number> {
  const record = await readFile(folder.file('hub/download.json'), 'utf8').catch(() => '{}');
  return (JSON.parse(record) as { receivedBytes?: number }).receivedBytes ?? 0;
}

test('a dry run downloads elsewhere', async () => {
  await using server = await serve(wholeFile);
  const before = await folder.state();
  const report = await folder.json(0, 'apply', `${server.origin}/big.ota`, '--device', 'hub', '--dry-run');
  expect(report).toMatchObject({ outcome: 'installed', dryRun: true });
  expect(await folder.state()).toEqual(before);
});

test.each<[string, (response: ServerResponse) => void, number, string]>([
  ['what is no package', (response) => response.end('x'.repeat(4096)), 4, 'CONTAINER_INVALID'],
  ['a package that was changed', (response) => response.end(changed()), 4, 'PAYLOAD_MISMATCH'],
  ['an address without a file', (response) => response.writeHead(404).end(), 16, 'NOT_FOUND'],
])('%s is refused, and the device is as it was', async (_, answer, status, code) => {
  await using server = await serve((_request, response) => answer(response));
  const before = await folder.state();
  expect(await folder.json(status, 'apply', `${server.origin}/big.ota`, '--device', 'hub')).toMatchObject({
    error: { code },
  });
  expect(await folder.state()).toEqual(before);
});

function changed(): Buffer {
  const bytes = Buffer.from(packageBytes);
  bytes[bytes.length - 2000]! ^= 1;
  return bytes;
}

test('nothing is downloaded while a release is on trial', async () => {
  await using server = await serve(wholeFile);
  const address = `${server.origin}/big.ota`;
  await folder.json(0, 'apply', address, '--device', 'hub');
  await folder.json(0, 'device', 'boot', 'hub');
  const asked = server.requests.length;
  expect(await folder.json(8, 'apply', address, '--device', 'hub')).toMatchObject({
    error: { code: 'UPDATE_PENDING' },
  });
  expect(server.requests).toHaveLength(asked);
});

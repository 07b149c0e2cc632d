import { readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../lib/net/certificates.js';
import { type Handler, serve } from '../../lib/net/servers.js';
import { runCli } from '../../support/cli.js';
import { type DeviceFolder, deviceFolder } from './device-fixture.js';

const ETAG = '"v1"';

let folder: DeviceFolder;
let authority: Authority;
let packageBytes: Buffer;
let foreignBytes: Buffer;

beforeAll(async () => {
  folder = await deviceFolder();
  await folder.pack();
  packageBytes = await readFile(folder.file('x.ota'));
  const release = '--product movehub --model M1 --version 3.7.0 --sequence 7 --sign b.key --out b.ota';
  await folder.ota('pack', '--from', 'old.bin', '--to', 'new.bin', ...release.split(' '));
  foreignBytes = await readFile(folder.file('b.ota'));
  authority = await createAuthority('Test Authority');
  await writeFile(folder.file('ca.pem'), authority.pem);
  const layout = {
    spec: 'ota-fleet-layout/1',
    eraseBlockBytes: 4096,
    writeAlignmentBytes: 256,
    storageBytes: 1_000_000,
    components: { app: { slots: ['a', 'b'], slotBytes: 131_072 } },
  };
  await writeFile(folder.file('layout.json'), JSON.stringify(layout));
  await folder.init('hub', '--layout', 'layout.json');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Applies what is at an address: it must be refused, and not one byte of the folder may have changed. */
async function refused(address: string, status: number, code: string, env: Record<string, string> = {}): Promise<void> {
  const before = await folder.state();
  const result = await runCli('ota', ['apply', address, '--device', 'hub', '--json'], { cwd: folder.path, env });
  expect(result).toMatchObject({ status, stderr: expect.not.stringMatching(/\n\s+at /) });
  expect(JSON.parse(result.stdout).error).toMatchObject({ code, exitStatus: status });
  expect(await folder.state()).toEqual(before);
}

function send(response: ServerResponse, bytes: Buffer, announcedBytes = bytes.length): void {
  response.writeHead(200, { etag: ETAG, 'content-length': announcedBytes });
  response.end(bytes);
}

function endlessly(response: ServerResponse): void {
  response.writeHead(200, { etag: ETAG });
  const more = () => {
    while (!response.destroyed && response.write(packageBytes));
  };
  response.on('drain', more);
  more();
}

test.each<[string, Handler, number, string]>([
  ['more than there is room for', (_, response) => send(response, packageBytes, 1e9), 5, 'DOES_NOT_FIT'],
  ['an endless body', (_, response) => endlessly(response), 9, 'LIMIT_EXCEEDED'],
  ['less than the package', (_, response) => send(response, packageBytes.subarray(0, 2000)), 4, 'CONTAINER_INVALID'],
  [
    'a byte too much',
    (_, response) => send(response, Buffer.concat([packageBytes, Buffer.from('!')])),
    4,
    'CONTAINER_INVALID',
  ],
  ['what a stranger signed', (_, response) => send(response, foreignBytes), 3, 'KEY_UNTRUSTED'],
])('a server that sends %s changes nothing on the device', async (_, handler, status, code) => {
  await using server = await serve(handler);
  await refused(server.origin, status, code);
});

test('TLS that cannot be trusted, or that is taken away, changes nothing on the device', async () => {
  await using plain = await serve((_, response) => send(response, packageBytes));
  await using secure = await serve(
    (_, response) => response.writeHead(302, { location: plain.origin }).end(),
    await authority.issue(),
  );
  await refused(secure.origin, 7, 'TLS_FAILED');
  await refused(secure.origin, 7, 'REDIRECT_REFUSED', { OTA_CA_FILE: 'ca.pem' });
  expect(plain.requests).toEqual([]);
});

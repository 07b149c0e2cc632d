import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { publicKeyPem } from '../../../src/lib/trust/public-key.js';
import { runCli } from '../../support/cli.js';
import { DdiServer } from '../../support/ddi-server.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { smallPackage, testSigner } from '../../support/packages.js';

const quick = {
  product: 'meter',
  models: [{ model: 'M100' }],
  poll: { seconds: 0.1, startSeconds: 0 },
  rebootSeconds: [0, 0],
};

let server: DdiServer;
let folder: TestFolder;
beforeEach(async () => {
  [server, folder] = await Promise.all([DdiServer.start(), testFolder()]);
  await writeFile(folder.file('quick.json'), JSON.stringify(quick));
});
afterEach(async () => {
  await Promise.all([server[Symbol.asyncDispose](), folder[Symbol.asyncDispose]()]);
});

/** A login as `fleet login` keeps it. */
async function logIn(address: string): Promise<{ XDG_CONFIG_HOME: string }> {
  const here = { server: address, tenant: 'DEFAULT', name: 'token:first', role: 'admin', token: 'a-token-of-a-test' };
  const config = folder.file('config/ota-fleet');
  await mkdir(config, { recursive: true });
  const login = JSON.stringify({ version: 1, current: 'here', profiles: { here } });
  await writeFile(`${config}/servers.json`, login, { mode: 0o600 });
  return { XDG_CONFIG_HOME: folder.file('config') };
}

async function simulate(args: string[], options: Parameters<typeof runCli>[2] = {}) {
  const defaults = [
    ...(args.includes('--server') ? [] : ['--server', server.url.origin]),
    ...(args.includes('--profile') ? [] : ['--profile', 'quick.json']),
  ];
  const env = { PASSWORD: 'admin' };
  return await runCli('fleet', ['simulate', ...defaults, ...args], { cwd: folder.path, env, ...options });
}
const register = ['--register', '--username', 'admin', '--password-env', 'PASSWORD'];

describe('fleet simulate', () => {
  test('updates its devices and tells what became of them', async () => {
    const signer = testSigner(1);
    await writeFile(folder.file('release.pub'), publicKeyPem(signer.publicKey));
    const pkg = await smallPackage(Buffer.from('image'), {}, [signer]);
    server.onFirstPoll = (device) => server.offer(device, pkg);
    const { status, stdout, stderr } = await simulate([
      ...['-n', '5', ...register, '--key', 'release.pub', '--until-idle', '100ms'],
    ]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout).toContain('5 devices for');
    expect(stdout).toMatch(/^updates +5 success$/m);
    expect(stdout).toMatch(/^verified +1 times, for 5 installations/m);
    expect(stdout).toMatch(/^versions +5 2\.0\.0$/m);
  });

  test('goes to the server of the current login where none is named', async () => {
    const env = { ...(await logIn(server.url.origin)), PASSWORD: 'admin' };
    const words = ['simulate', '--profile', 'quick.json', ...register, '-n', '2', '--duration', '100ms'];
    const { status, stderr } = await runCli('fleet', words, { cwd: folder.path, env });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).toContain(`2 devices at ${server.url.origin}`);
  });

  test('prints events with --json, the report last', async () => {
    server.onFirstPoll = (device) => server.offer(device, Buffer.from('image'));
    const { status, stdout } = await simulate([...register, '-n', '3', '--until-idle', '100ms', '--json']);
    expect(status).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set(['registered', 'started', 'update', 'progress', 'finished']),
    );
    expect(events.at(-1)).toMatchObject({ type: 'finished', devices: 3, updates: { success: 3 } });
  });

  test('stops at Ctrl-C with status 130, and still tells what there was', async () => {
    const stop = new AbortController();
    server.intercept = (request) => {
      if (request.url!.includes('/controller/')) stop.abort('SIGINT');
      return false;
    };
    const { status, stdout } = await simulate([...register, '-n', '3'], { signal: stop.signal });
    expect(status).toBe(130);
    expect(stdout).toContain('interrupted');
  });

  test.each([
    [['-n', '3'], 2, 'How devices prove who they are is not said'],
    [['--register'], 15, 'you are not logged in to'],
    [[...register, '--server', 'http://127.0.0.1:8080/rest'], 2, 'is not the address of a server'],
    [[...register, '--server', 'http://u:p@127.0.0.1'], 2, 'carries a user name or password'],
    [[...register, '--profile', 'wrong.json'], 2, 'wrong.json: failures.boot'],
    [['--gateway-token-env', 'PASSWORD', '--telemetry', 'mqtt'], 2, 'a gateway token is none'],
    [['--gateway-token-env', 'PASSWORD'], 15, 'refuses the tokens of all devices'],
    [['--tokens-file', 'tokens.json', '--tenant', 'OTHER'], 7, 'serves none of the devices (poll: 404)'],
  ])('%j ends with status %d: %s', async (args, expected, fact) => {
    await writeFile(folder.file('wrong.json'), '{"failures":{"boot":2}}');
    await writeFile(folder.file('tokens.json'), '{"d1":"t1"}');
    const { status, stdout, stderr } = await simulate(args);
    expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    expect(stderr).toContain(fact);
    expect(stderr).not.toContain('    at ');
  });
});

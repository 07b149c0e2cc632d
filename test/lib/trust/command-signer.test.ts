import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { commandSigner } from '../../../src/lib/trust/command-signer.js';
import { createSignature, METADATA_PAYLOAD_TYPE, pae } from '../../../src/lib/trust/dsse.js';
import { generatePrivateKey, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { newSigner } from './keys.js';

const key = generatePrivateKey({ isTest: true });
const digest = Buffer.alloc(32, 7);
let directory: string;

/** A signer program that needs nothing but Node: reads stdin, prints a signature in some form. */
const PROGRAM = `
  const { createPrivateKey, sign } = require('node:crypto');
  const { readFileSync, writeFileSync } = require('node:fs');
  const message = readFileSync(0);
  writeFileSync('message', message);
  const signature = sign(null, message, createPrivateKey(readFileSync('a.key')));
  const form = process.argv[2];
  process.stdout.write(form === 'raw' ? signature : signature.toString(form) + '\\n');
`;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ota-signer-'));
  await writeFile(join(directory, 'a.key'), privateKeyPem(key));
  await writeFile(join(directory, 'sign.cjs'), PROGRAM);
});
afterEach(() => rm(directory, { recursive: true }));

function run(
  command: string,
  options: { timeoutMs?: number; signal?: AbortSignal; publicKey?: typeof key.publicKey } = {},
) {
  const { publicKey = key.publicKey, timeoutMs = 15_000, signal } = options;
  const said: string[] = [];
  const signer = commandSigner({
    command: `cd '${directory}' || exit; ${command}`,
    publicKey,
    timeoutMs,
    ownSession: true,
    onStderr: (text) => said.push(text),
  });
  return { result: createSignature(METADATA_PAYLOAD_TYPE, digest, signer, signal), said };
}

describe('commandSigner', () => {
  test.each(['raw', 'hex', 'base64'])('a command that prints its signature as %s', async (form) => {
    const { sig } = await run(`'${process.execPath}' sign.cjs ${form}`).result;
    const expected = await createSignature(METADATA_PAYLOAD_TYPE, digest, {
      publicKey: key.publicKey,
      sign: async (message) => (await import('node:crypto')).sign(null, message, key.privateKey),
    });
    expect(Buffer.from(sig)).toEqual(expected.sig);
    expect(await readFile(join(directory, 'message'))).toEqual(pae(METADATA_PAYLOAD_TYPE, digest));
  });

  test('stdin is a file that can be opened by name and has a size', async () => {
    await run(`cp /dev/stdin seen && '${process.execPath}' sign.cjs hex < seen`).result;
    expect(await readFile(join(directory, 'seen'))).toEqual(pae(METADATA_PAYLOAD_TYPE, digest));
  });

  test('what it says on stderr is passed on', async () => {
    const { result, said } = run(`echo 'touch the token' >&2; '${process.execPath}' sign.cjs raw`);
    await result;
    expect(said.join('')).toBe('touch the token\n');
  });

  test.each([
    [
      'exits with a status',
      'echo "no token \u001b[2J found" >&2; exit 3',
      'exited with status 3: no token \\u{1b}[2J found',
    ],
    ['is not found', './none', 'exited with status 127'],
    ['ends itself by a signal', 'kill -9 $$', 'was ended by SIGKILL'],
    ['prints nothing', 'true', 'printed 0 bytes'],
    ['prints words', 'echo signed', 'printed 7 bytes that are no Ed25519 signature'],
    ['prints for ever', 'yes', 'printed more than 4096 bytes'],
    ['prints 64 bytes of its own', `printf '%064d' 0`, 'does not verify'],
  ])('a command that %s fails', async (_, command, fact) => {
    await expect(run(command).result).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
      exitCode: 3,
      message: expect.stringContaining(fact),
    });
  });

  test('a command that signs with another key fails', async () => {
    const { publicKey } = newSigner();
    await expect(run(`'${process.execPath}' sign.cjs raw`, { publicKey }).result).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
    });
  });

  test('a command that takes too long is killed, with all that it started', async () => {
    const { result } = run('(sleep 60; touch late) & echo $! > child; wait', { timeoutMs: 500 });
    await expect(result).rejects.toMatchObject({ code: 'SIGNER_FAILED', message: expect.stringContaining('0.5 s') });
    await expectGone(Number(await readFile(join(directory, 'child'), 'utf8')));
  });

  test('an abort kills it and ends with the reason', async () => {
    const abort = new AbortController();
    const { result } = run('echo $$ > child; sleep 60', { signal: abort.signal });
    await expect.poll(() => readdir(directory)).toContain('child');
    abort.abort(new OtaError('TERMINATED', 'Terminated'));
    await expect(result).rejects.toMatchObject({ code: 'TERMINATED' });
    await expectGone(Number(await readFile(join(directory, 'child'), 'utf8')));
  });

  test('after an abort nothing is started', async () => {
    await expect(run('touch started', { signal: AbortSignal.abort() }).result).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await readdir(directory)).not.toContain('started');
  });
});

/** Killed and collected: signal 0 finds no process. */
async function expectGone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => isRunning(pid)).toBe(false);
}

/** A zombie that its new parent has not collected yet does not run any more. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (status !== '') return !/\) Z /.test(status);
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

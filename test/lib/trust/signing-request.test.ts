import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readDetachedSignature } from '../../../src/lib/trust/detached-signature.js';
import { createSignature, METADATA_PAYLOAD_TYPE, pae, ROOT_PAYLOAD_TYPE } from '../../../src/lib/trust/dsse.js';
import { decodeSignature } from '../../../src/lib/trust/signature-encoding.js';
import {
  encodeDetachedSignature,
  encodeSigningRequest,
  parseDetachedSignature,
  parseSigningRequest,
  type SigningRequest,
} from '../../../src/lib/trust/signing-request.js';
import { newSigner } from './keys.js';

const content = Buffer.from('{"product":"meter"}');
const request: SigningRequest = {
  payloadType: METADATA_PAYLOAD_TYPE,
  subject: 'app.ota',
  content,
  digest: createHash('sha256').update(content).digest(),
};
const parse = (bytes: Uint8Array) => parseSigningRequest(bytes, 'request.json');
const changed = (change: Record<string, unknown>) =>
  Buffer.from(JSON.stringify({ ...JSON.parse(encodeSigningRequest(request, []).toString()), ...change }));

describe('signing requests', () => {
  test('are read back; the message is what a plain signer must sign', () => {
    const bytes = encodeSigningRequest(request, ['package of product meter']);
    expect(parse(bytes)).toEqual(request);
    expect(Buffer.from(JSON.parse(bytes.toString()).message, 'base64')).toEqual(
      pae(request.payloadType, request.digest),
    );
  });

  test.each([
    ['a digest of something else', { sha256: '0'.repeat(64) }, 'its content has SHA-256'],
    ['other content', { content: Buffer.from('{}').toString('base64') }, 'its content has SHA-256'],
    ['another message', { message: Buffer.from('x').toString('base64') }, 'its message is not the one'],
    ['a message of another payload type', { payloadType: ROOT_PAYLOAD_TYPE }, 'its message is not the one'],
    ['an unknown payload type', { payloadType: 'text/plain' }, 'payloadType'],
    ['another spec', { spec: 'x' }, 'spec'],
    ['an unknown field', { extra: 1 }, 'extra'],
  ])('with %s are refused', (_, change, fact) => {
    expect(() => parse(changed(change))).toThrow(
      expect.objectContaining({ code: 'SIGNING_REQUEST_INVALID', exitCode: 4, message: expect.stringContaining(fact) }),
    );
  });
});

describe('detached signatures', () => {
  const signer = newSigner({ isTest: true });
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ota-detached-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const detached = async () => ({
    payloadType: request.payloadType,
    digest: request.digest,
    publicKey: signer.publicKey,
    signature: await createSignature(request.payloadType, request.digest, signer),
  });

  async function read(bytes: Uint8Array | string, keys = [signer.publicKey]) {
    const path = join(directory, 'ann.sig');
    await writeFile(path, bytes);
    return readDetachedSignature(path, request, keys);
  }

  test('are read back and carry the mark of a test key', async () => {
    const wanted = await detached();
    const bytes = encodeDetachedSignature(wanted);
    expect(parseDetachedSignature(bytes, 'ann.sig.json')).toEqual(wanted);
    expect(await read(bytes, [])).toMatchObject({ publicKey: { isTest: true } });
  });

  test.each([
    ['another digest', { sha256: '0'.repeat(64) }, 'SIGNATURE_INVALID'],
    ['another payload type', { payloadType: ROOT_PAYLOAD_TYPE }, 'SIGNATURE_INVALID'],
    ['another sig', { sig: Buffer.alloc(64).toString('base64') }, 'SIGNATURE_INVALID'],
    ['a short sig', { sig: Buffer.alloc(63).toString('base64') }, 'SIGNATURE_INVALID'],
    ['a key id that is not its key', { keyid: '0'.repeat(64) }, 'SIGNING_REQUEST_INVALID'],
    ['a key of 43 bytes', { publicKey: Buffer.alloc(43).toString('base64') }, 'KEY_INVALID'],
    ['an unknown field', { extra: 1 }, 'SIGNING_REQUEST_INVALID'],
  ])('with %s are refused', async (_, change, code) => {
    const json = { ...JSON.parse(encodeDetachedSignature(await detached()).toString()), ...change };
    const bytes = Buffer.from(JSON.stringify(json));
    expect(() => parseDetachedSignature(bytes, 'ann.sig.json')).toThrow(expect.objectContaining({ code }));
  });

  test.each(['raw', 'hex', 'base64', 'base64url'] as const)('a bare signature may be %s', async (form) => {
    const { signature } = await detached();
    const sig = Buffer.from(signature.sig);
    const got = await read(form === 'raw' ? sig : `${sig.toString(form)}\n`, [newSigner().publicKey, signer.publicKey]);
    expect(got).toMatchObject({ publicKey: signer.publicKey, signature });
  });

  test('a bare signature needs its key', async () => {
    const { signature } = await detached();
    await expect(read(signature.sig, [])).rejects.toMatchObject({ code: 'KEY_MISSING' });
    await expect(read(signature.sig, [newSigner().publicKey])).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  test('anything else is refused', async () => {
    await expect(read('not a signature')).rejects.toMatchObject({ code: 'JSON_INVALID' });
    await expect(read(Buffer.alloc(5000))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

test('decodeSignature reads every spelling of 64 bytes, and nothing of another length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 60, maxLength: 68 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        const text = buffer.toString(form).replace(/(.{20})/g, '$1\n');
        const expected = bytes.length === 64 ? buffer : undefined;
        expect(decodeSignature(Buffer.from(text))).toEqual(expected);
      }
    }),
  );
});

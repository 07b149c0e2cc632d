import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import {
  createSignature,
  encodeSignatureEnvelope,
  isSignatureBy,
  MAX_SIGNATURES,
  METADATA_PAYLOAD_TYPE,
  mergeSignatures,
  pae,
  parseSignatureEnvelope,
  ROOT_PAYLOAD_TYPE,
  type Signature,
} from '../../../src/lib/trust/dsse.js';
import { faultySigner, newSigner } from './keys.js';

const digest = createHash('sha256').update('metadata').digest();
const payloadType = METADATA_PAYLOAD_TYPE;

const signature: fc.Arbitrary<Signature> = fc.record({
  keyid: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  sig: fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
});

function parse(text: string | Uint8Array) {
  return parseSignatureEnvelope(Buffer.from(text), payloadType, 'signature.json');
}

describe('pae', () => {
  test('is that of the published DSSE example', () => {
    const encoded = pae('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(encoded.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  test('counts bytes, not characters', () => {
    expect(pae('ä', Buffer.from('ö')).toString()).toBe('DSSEv1 2 ä 2 ö');
  });
});

describe('createSignature', () => {
  test('binds the payload type: a root signature is no package signature', async () => {
    const signer = newSigner();
    const { sig } = await createSignature(ROOT_PAYLOAD_TYPE, digest, signer);
    expect(isSignatureBy(signer.publicKey, ROOT_PAYLOAD_TYPE, digest, sig)).toBe(true);
    expect(isSignatureBy(signer.publicKey, METADATA_PAYLOAD_TYPE, digest, sig)).toBe(false);
  });

  test('a signature that does not verify never leaves', async () => {
    await expect(createSignature(payloadType, digest, faultySigner(newSigner()))).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
    });
    const liar = { publicKey: newSigner().publicKey, sign: newSigner().sign };
    await expect(createSignature(payloadType, digest, liar)).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
    const short = { publicKey: newSigner().publicKey, sign: async () => new Uint8Array(63) };
    await expect(createSignature(payloadType, digest, short)).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
  });
});

describe('mergeSignatures', () => {
  test('sorts, keeps one for each key, does not care about order', () => {
    fc.assert(
      fc.property(fc.array(signature, { maxLength: 8 }), fc.array(signature, { maxLength: 8 }), (a, b) => {
        const merged = mergeSignatures(a, b);
        const keyids = merged.map(({ keyid }) => keyid);
        expect(keyids).toEqual([...new Set([...a, ...b].map(({ keyid }) => keyid))].sort());
        expect(mergeSignatures(merged, b)).toEqual(merged);
      }),
    );
  });

  test('refuses a 33rd', () => {
    const many = fc.sample(signature, MAX_SIGNATURES + 1);
    expect(() => mergeSignatures(many.slice(1), many.slice(0, 1))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

describe('parseSignatureEnvelope', () => {
  const [first, second] = mergeSignatures(fc.sample(signature, { numRuns: 2, seed: 7 }), []) as [Signature, Signature];
  const json = (signatures: unknown[], type: string = payloadType) => JSON.stringify({ payloadType: type, signatures });
  const entry = ({ keyid, sig }: Signature) => ({ keyid, sig: Buffer.from(sig).toString('base64') });

  test('reads back what was written', () => {
    fc.assert(
      fc.property(fc.array(signature, { maxLength: MAX_SIGNATURES }), (list) => {
        const envelope = { payloadType, signatures: mergeSignatures(list, []) };
        expect(parse(encodeSignatureEnvelope(envelope))).toEqual(envelope);
      }),
    );
  });

  test('an unsigned package has an empty list', () => {
    expect(parse(json([])).signatures).toEqual([]);
  });

  test.each([
    ['another payload type', json([], ROOT_PAYLOAD_TYPE), 'payloadType'],
    ['unsorted key ids', json([entry(second), entry(first)]), 'not sorted'],
    ['a key twice', json([entry(first), entry(first)]), 'appears twice'],
    ['an unknown field', '{"payloadType":"x","signatures":[],"x":1}', 'unknown field "x"'],
    ['an unknown field in a signature', json([{ ...entry(first), alg: 'none' }]), 'unknown field "alg"'],
    ['a short key id', json([{ ...entry(first), keyid: 'ab' }]), 'keyid'],
    ['an upper-case key id', json([{ ...entry(first), keyid: first.keyid.toUpperCase() }]), 'keyid'],
    ['a sig that is no string', json([{ ...entry(first), sig: 1 }]), 'not a string'],
    ['no list', '{"payloadType":"application/vnd.ota-fleet.metadata-sha256","signatures":{}}', 'not a list'],
    ['white space', ` ${json([])}`, 'canonical'],
    ['fields in another order', `{"signatures":[],"payloadType":"${payloadType}"}`, 'canonical'],
    ['a top-level list', '[]', 'not an object'],
    ['33 signatures', json(Array.from({ length: 33 }, () => entry(first))), 'at most 32'],
  ])('refuses %s as malformed', (_, text, fact) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_FILE_INVALID', message: expect.stringContaining(fact) }),
    );
  });

  test.each([
    ['63 bytes', Buffer.alloc(63).toString('base64')],
    ['65 bytes', Buffer.alloc(65).toString('base64')],
    ['no padding', Buffer.alloc(64).toString('base64').replaceAll('=', '')],
    ['stray bits before the padding', Buffer.alloc(64).toString('base64').replace('A==', 'B==')],
    ['the URL alphabet', Buffer.alloc(64, 0xff).toString('base64url')],
    ['nothing', ''],
  ])('a sig of %s is a bad signature, not a bad file', (_, sig) => {
    expect(() => parse(json([{ ...entry(first), sig }]))).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_INVALID', exitCode: 3 }),
    );
  });

  test('any single flipped bit is refused, or no longer verifies', async () => {
    const signer = newSigner();
    const envelope = { payloadType, signatures: [await createSignature(payloadType, digest, signer)] };
    const bytes = encodeSignatureEnvelope(envelope);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(verdict(altered), `bit ${bit}`).toBe(false);
    }
    function verdict(altered: Uint8Array): boolean {
      try {
        const [got] = parse(altered).signatures;
        return got?.keyid === signer.publicKey.keyid && isSignatureBy(signer.publicKey, payloadType, digest, got.sig);
      } catch (error) {
        expect(error).toBeInstanceOf(OtaError);
        expect([3, 4]).toContain((error as OtaError).exitCode);
        return false;
      }
    }
  });
});

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { createSignature, METADATA_PAYLOAD_TYPE } from '../../../src/lib/trust/dsse.js';
import { generatePrivateKey, parsePrivateKeyPem, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { parsePublicKeyPem, publicKeyPem } from '../../../src/lib/trust/public-key.js';
import { encodeTrustRoot, parseTrustRoot } from '../../../src/lib/trust/root.js';
import { verifyRoot } from '../../../src/lib/trust/root-rotation.js';
import {
  encodeDetachedSignature,
  encodeSigningRequest,
  parseDetachedSignature,
  parseSigningRequest,
} from '../../../src/lib/trust/signing-request.js';
import { newSigner, now, rootOf } from './keys.js';

/** Bytes overwritten, taken out or put in: what damage and simple attacks do to a file. */
const damage = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function damaged(bytes: Uint8Array, changes: { at: number; remove: number; insert: Uint8Array }[]): Buffer {
  return changes.reduce((result, { at, remove, insert }) => {
    const start = Math.floor(at * result.length);
    return Buffer.concat([result.subarray(0, start), insert, result.subarray(start + remove)]);
  }, Buffer.from(bytes));
}

const signer = newSigner();
const key = generatePrivateKey({ isTest: false });
const content = Buffer.from('{"product":"meter"}');
const payloadType = METADATA_PAYLOAD_TYPE;
const digest = createHash('sha256').update(content).digest();
const signature = await createSignature(payloadType, digest, signer);
const root = await rootOf({ root: [signer], release: [signer] });

const files: { what: string; bytes: Buffer; read: (bytes: Buffer) => unknown }[] = [
  {
    what: 'a public key',
    bytes: Buffer.from(publicKeyPem(key.publicKey)),
    read: (bytes) => parsePublicKeyPem(bytes.toString(), 'x'),
  },
  {
    what: 'a private key',
    bytes: Buffer.from(privateKeyPem(key)),
    read: (bytes) => parsePrivateKeyPem(bytes.toString(), 'x', async () => 'x'),
  },
  {
    what: 'a signing request',
    bytes: encodeSigningRequest({ payloadType, subject: 'x', digest, content }, ['x']),
    read: (bytes) => parseSigningRequest(bytes, 'x'),
  },
  {
    what: 'a detached signature',
    bytes: encodeDetachedSignature({ payloadType, digest, publicKey: signer.publicKey, signature }),
    read: (bytes) => parseDetachedSignature(bytes, 'x'),
  },
  { what: 'a trust root', bytes: encodeTrustRoot(root), read: (bytes) => parseTrustRoot(bytes, 'x') },
];

describe('a damaged file is read or refused, and never anything else', () => {
  test.each(files)('$what', async ({ bytes, read }) => {
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        try {
          await read(damaged(bytes, changes));
        } catch (error) {
          expect(error).toBeInstanceOf(OtaError);
          expect([3, 4, 9]).toContain((error as OtaError).exitCode);
        }
      }),
      { numRuns: 150 },
    );
  });
});

test('a damaged trust root that still verifies says exactly what it said before', () => {
  const bytes = encodeTrustRoot(root);
  fc.assert(
    fc.property(damage, (changes) => {
      try {
        const read = parseTrustRoot(damaged(bytes, changes), 'x');
        verifyRoot(read, { now });
        expect(read.signed).toEqual(root.signed);
      } catch (error) {
        if (!(error instanceof OtaError)) throw error;
      }
    }),
    { numRuns: 200 },
  );
});

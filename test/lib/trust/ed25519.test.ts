import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Point, verify } from '@noble/ed25519';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publicKeyFault, verifyEd25519 } from '../../../src/lib/trust/ed25519.js';
import { generatePrivateKey } from '../../../src/lib/trust/private-key.js';
import { keySigner } from '../../../src/lib/trust/signer.js';
import { smallOrderEncodings } from './hostile-keys.js';

interface WycheproofFile {
  numberOfTests: number;
  testGroups: {
    publicKey: { pk: string };
    tests: { tcId: number; comment: string; flags: string[]; msg: string; sig: string; result: 'valid' | 'invalid' }[];
  }[];
}

const wycheproof: WycheproofFile = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/wycheproof/ed25519_test.json'), 'utf8'),
);
const vectors = wycheproof.testGroups.flatMap((group) =>
  group.tests.map((vector) => ({ ...vector, pk: group.publicKey.pk, flag: vector.flags.join() })),
);
const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

describe('verifyEd25519 against Wycheproof', () => {
  test('all published vectors are there', () => {
    expect(vectors).toHaveLength(wycheproof.numberOfTests);
  });

  test.each(vectors)('$tcId $flag $comment is $result', ({ pk, msg, sig, result }) => {
    expect(publicKeyFault(hex(pk))).toBeUndefined();
    expect(verifyEd25519(hex(pk), hex(msg), hex(sig))).toBe(result === 'valid');
  });
});

describe('verifyEd25519 against RFC 8032 section 7.1', () => {
  // TEST 1, TEST 2, TEST 3, TEST SHA(abc)
  test.each([
    [
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
    [
      'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    ],
  ])('public key %s', (publicKey, message, signature) => {
    expect(verifyEd25519(hex(publicKey), hex(message), hex(signature))).toBe(true);
    expect(verifyEd25519(hex(publicKey), hex(`${message}00`), hex(signature))).toBe(false);
  });
});

describe('verifyEd25519', () => {
  const signer = (() => {
    const key = generatePrivateKey({ isTest: true });
    return keySigner(key.privateKey, key.publicKey);
  })();
  const { raw } = signer.publicKey;

  test('refuses any single flipped bit of a signature', async () => {
    const message = Buffer.from('firmware');
    const signature = await signer.sign(message);
    expect(verifyEd25519(raw, message, signature)).toBe(true);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 511 }), (bit) => {
        const altered = Uint8Array.from(signature);
        altered[bit >> 3]! ^= 1 << (bit & 7);
        return !verifyEd25519(raw, message, altered);
      }),
    );
  });

  test('refuses the same signature with L added to S', async () => {
    const message = Buffer.from('firmware');
    const signature = Buffer.from(await signer.sign(message));
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + Point.CURVE().n;
    const malleated = Buffer.concat([
      signature.subarray(0, 32),
      Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
    ]);
    expect(verifyEd25519(raw, message, malleated)).toBe(false);
  });

  test('refuses an R with a torsion component, about which verifiers disagree', () => {
    const { n } = Point.CURVE();
    const secret = 123456789n;
    const publicPoint = Point.BASE.multiply(secret);
    const torsion = Point.fromBytes(smallOrderEncodings().find(({ hex }) => hex.startsWith('c7176a'))!.bytes);
    const message = Buffer.from('firmware');
    const sign = (commitment: Point): Buffer => {
      const hash = createHash('sha512')
        .update(commitment.toBytes())
        .update(publicPoint.toBytes())
        .update(message)
        .digest();
      const challenge = BigInt(`0x${hash.reverse().toString('hex')}`) % n;
      const s = (987654321n + challenge * secret) % n;
      const encoded = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
      return Buffer.concat([commitment.toBytes(), encoded]);
    };
    const honest = sign(Point.BASE.multiply(987654321n));
    const twisted = sign(Point.BASE.multiply(987654321n).add(torsion));
    expect(verifyEd25519(publicPoint.toBytes(), message, honest)).toBe(true);
    expect(verify(twisted, message, publicPoint.toBytes(), { zip215: false })).toBe(true);
    expect(verifyEd25519(publicPoint.toBytes(), message, twisted)).toBe(false);
  });

  test('refuses 63 and 65 bytes', async () => {
    const message = Buffer.from('firmware');
    const signature = Buffer.from(await signer.sign(message));
    expect(verifyEd25519(raw, message, signature.subarray(0, 63))).toBe(false);
    expect(verifyEd25519(raw, message, Buffer.concat([signature, Buffer.of(0)]))).toBe(false);
  });

  test.each(smallOrderEncodings())('a small-order key $hex verifies nothing', ({ bytes }) => {
    // R = A, S = 0 is the classic signature that such keys accept over many messages.
    const forged = Buffer.concat([bytes, Buffer.alloc(32)]);
    for (let n = 0; n < 16; n += 1) expect(verifyEd25519(bytes, Buffer.of(n), forged)).toBe(false);
  });
});

describe('publicKeyFault', () => {
  test('there are the 8 torsion points and 6 further encodings of them', () => {
    expect(smallOrderEncodings()).toHaveLength(14);
  });

  test.each(smallOrderEncodings())('refuses the small-order encoding $hex', ({ bytes, isCanonical }) => {
    expect(publicKeyFault(bytes)).toMatch(isCanonical ? /small order/ : /not canonical/);
  });

  test('refuses every key with a torsion component', () => {
    const torsion = smallOrderEncodings().filter(({ isCanonical }) => isCanonical);
    const points = torsion.map(({ bytes }) => Point.fromBytes(bytes, true)).filter((point) => !point.is0());
    expect(points).toHaveLength(7);
    for (const point of points) {
      const mixed = Point.fromBytes(generatePrivateKey({ isTest: true }).publicKey.raw).add(point);
      expect(publicKeyFault(mixed.toBytes())).toMatch(/torsion component/);
    }
  });

  test('refuses y = 2^255 - 19 and above', () => {
    for (let low = 0xed; low <= 0xff; low += 1) {
      for (const high of [0x7f, 0xff]) {
        const bytes = Buffer.alloc(32, 0xff);
        bytes[0] = low;
        bytes[31] = high;
        expect(publicKeyFault(bytes)).toMatch(/not canonical/);
      }
    }
  });

  test('refuses a point that is not on the curve', () => {
    const bytes = Buffer.alloc(32);
    bytes[0] = 2;
    expect(publicKeyFault(bytes)).toMatch(/not a point on the curve/);
  });

  test.each([0, 31, 33, 44])('refuses %i bytes', (size) => {
    expect(publicKeyFault(new Uint8Array(size))).toMatch(new RegExp(`has ${size} bytes`));
  });

  test('accepts generated keys', () => {
    for (let n = 0; n < 8; n += 1) {
      expect(publicKeyFault(generatePrivateKey({ isTest: false }).publicKey.raw)).toBeUndefined();
    }
  });
});

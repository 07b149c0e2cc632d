import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Point } from '@noble/ed25519';
import { publicKeyFault, verifyEd25519 } from '../../../src/lib/trust/ed25519.js';
import { smallOrderEncodings } from '../../lib/trust/hostile-keys.js';

/** Judges every vector of a Wycheproof file and every hostile key, and prints the verdicts in order. */
const { testGroups } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as {
  testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string }[] }[];
};
const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

const vectors = testGroups.flatMap(({ publicKey, tests }) =>
  tests.map(({ tcId, msg, sig }) => [tcId, verifyEd25519(hex(publicKey.pk), hex(msg), hex(sig))]),
);

const smallOrder = smallOrderEncodings();
const honest = Point.BASE.multiply(123456789n);
const withTorsion = smallOrder
  .filter(({ isCanonical }) => isCanonical)
  .map(({ bytes }) => honest.add(Point.fromBytes(bytes, true)).toBytes());
const keys = [...smallOrder.map(({ bytes }) => bytes), ...withTorsion];
const enrolled = keys.map((key) => [Buffer.from(key).toString('hex'), publicKeyFault(key) ?? 'accepted']);

// R = any of them, S = 0, over messages that give different challenges: where lenient verifiers disagree.
const forged = keys.flatMap((key) =>
  smallOrder.map(({ bytes }) =>
    Array.from({ length: 8 }, (_, n) => {
      const message = createHash('sha256').update(Buffer.of(n)).digest();
      return verifyEd25519(key, message, Buffer.concat([bytes, Buffer.alloc(32)]));
    }),
  ),
);

process.stdout.write(JSON.stringify({ vectors, enrolled, forged }));

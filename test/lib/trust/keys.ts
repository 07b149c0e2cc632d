import { generateKeyPairSync } from 'node:crypto';
import { generatePrivateKey } from '../../../src/lib/trust/private-key.js';
import type { PublicKey } from '../../../src/lib/trust/public-key.js';
import { makeTrustRoot, type SignedRoot, type TrustRoot } from '../../../src/lib/trust/root.js';
import type { RootEdit } from '../../../src/lib/trust/root-edit.js';
import { newRoot } from '../../../src/lib/trust/root-edit.js';
import { signRoot } from '../../../src/lib/trust/root-file.js';
import { keySigner, type Signer } from '../../../src/lib/trust/signer.js';

/** A new key that signs. */
export function newSigner({ isTest = false } = {}): Signer {
  const { privateKey, publicKey } = generatePrivateKey({ isTest });
  return keySigner(privateKey, publicKey);
}

/** A signer whose output has one bit flipped, as a faulty machine would make it. */
export function faultySigner(signer: Signer): Signer {
  return {
    publicKey: signer.publicKey,
    sign: async (message) => {
      const signature = Uint8Array.from(await signer.sign(message));
      signature[0]! ^= 1;
      return signature;
    },
  };
}

export const noPassphrase = async (name: string): Promise<string> => {
  throw new Error(`asked for the passphrase of ${name}`);
};

export const now = new Date('2026-06-01T00:00:00Z');
export const inAYear = new Date('2027-06-01T00:00:00Z');
export const inTwoYears = new Date('2028-06-01T00:00:00Z');

interface Roles {
  root: Signer[];
  rootThreshold?: number;
  release?: Signer[];
  releaseThreshold?: number;
  product?: string;
  expiresAt?: Date;
}

/** The `signed` part of version 1. */
export function signedRoot({
  root,
  rootThreshold = 1,
  release = [],
  releaseThreshold = 1,
  product = 'meter',
  expiresAt = inAYear,
}: Roles): SignedRoot {
  const releaseRole = { role: `release:${product}`, keys: release.map(named), threshold: releaseThreshold };
  return newRoot(
    [{ role: 'root', keys: root.map(named), threshold: rootThreshold }, ...(release.length > 0 ? [releaseRole] : [])],
    expiresAt,
  );
}

/** Version 1, signed by all its root keys. */
export async function rootOf(roles: Roles): Promise<TrustRoot> {
  return sealed(makeTrustRoot(signedRoot(roles), [], 'root.1.json'), undefined, roles.root);
}

/** Version N+1, signed by these. */
export async function successorOf(
  previous: TrustRoot,
  edits: RootEdit[],
  signers: Signer[],
  version = previous.signed.version + 1,
): Promise<TrustRoot> {
  const signed = edits.reduce((changed, edit) => edit(changed), { ...previous.signed, version });
  return sealed(makeTrustRoot(signed, [], `root.${version}.json`), previous, signers);
}

async function sealed(root: TrustRoot, previous: TrustRoot | undefined, signers: Signer[]): Promise<TrustRoot> {
  return { ...root, signatures: await signRoot(root, previous, signers) };
}

function named(signer: Signer): { key: PublicKey } {
  return { key: signer.publicKey };
}

/** PEM of keys that are not Ed25519 signing keys, public and private. */
export function foreignKeys(): { type: string; publicPem: string; privatePem: string }[] {
  const pairs = [
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['X25519', generateKeyPairSync('x25519')],
    ['ED448', generateKeyPairSync('ed448')],
  ] as const;
  return pairs.map(([type, { publicKey, privateKey }]) => ({
    type,
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    privatePem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }));
}

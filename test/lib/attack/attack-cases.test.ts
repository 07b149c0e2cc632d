import { hash } from 'node:crypto';
import Bzip2 from '@foxglove/wasm-bz2';
import { verify } from '@noble/ed25519';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AttackCase } from '../../../src/lib/attack/attack-case.js';
import { attackCases } from '../../../src/lib/attack/attack-cases.js';
import { filesOf } from '../../../src/lib/attack/attack-index.js';
import { CATALOGUE } from '../../../src/lib/attack/catalogue.js';
import { Forge } from '../../../src/lib/attack/forge.js';
import { FROZEN_BZIP2_STREAMS, frozenBzip2 } from '../../../src/lib/attack/frozen-bzip2.js';
import { takeSpecimen } from '../../../src/lib/attack/specimen.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { openContainer } from '../../../src/lib/package/container.js';
import { METADATA_PAYLOAD_TYPE, pae } from '../../../src/lib/trust/dsse.js';
import { parsePem } from '../../../src/lib/trust/pem.js';
import { smallPackage } from '../../support/packages.js';

const image = Buffer.from('firmware '.repeat(100));
const container = async (changes = {}) => openContainer(memoryAccess(await smallPackage(image, changes), 'x.ota'));
const forge = async () => new Forge(await takeSpecimen(await container()), 'seed');

let all: AttackCase[];
beforeAll(async () => {
  all = [...attackCases(await forge())];
});

describe('attackCases', () => {
  test('has at least one case for every row of the catalogue, each under a name of its own', async () => {
    expect(new Set(all.map(({ row }) => row))).toEqual(new Set(CATALOGUE.map(({ row }) => row)));
    const names = all.map(({ row, name }) => `${row}-${name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('gives a file that several cases share the same bytes everywhere', async () => {
    const hashes = new Map<string, string>();
    for (const attack of all) {
      for (const { path, bytes } of filesOf(attack)) {
        const sha256 = hash('sha256', bytes);
        expect(hashes.get(path) ?? sha256, path).toBe(sha256);
        hashes.set(path, sha256);
      }
    }
  });

  test('changes something in every case that changes the package', async () => {
    const valid = Buffer.from(all.find(({ name }) => name === 'valid')!.bytes);
    // In these the package is valid, and what the verifier is given to trust is not.
    const unchanged = all.filter(({ bytes }) => valid.equals(bytes)).map(({ row }) => row);
    expect(new Set(unchanged)).toEqual(new Set([0, 2, 4, 5, 6, 7, 8]));
  });

  test.each([
    [2, 'forged-under-neutral-key'],
    [3, 'r-non-canonical'],
  ])('row %i, %s: the signature is good for a lax verifier, so strictness alone refuses it', async (row, name) => {
    const attack = all.find((found) => found.row === row && found.name === name)!;
    const { metadataBytes, signatureBytes } = await openContainer(memoryAccess(attack.bytes, 'x.ota'));
    const message = pae(METADATA_PAYLOAD_TYPE, hash('sha256', metadataBytes, 'buffer'));
    const [signature] = JSON.parse(signatureBytes.toString()).signatures;
    const { der } = parsePem(Buffer.from(attack.trust.keys![0]!.bytes).toString(), 'key');
    const verdict = (zip215: boolean) =>
      verify(Buffer.from(signature.sig, 'base64'), message, der.subarray(12), { zip215 });
    expect(verdict(true)).toBe(true);
    expect(verdict(false)).toBe(false);
  });

  test('never writes outside its folder', async () => {
    for (const attack of all) {
      for (const { path } of filesOf(attack)) expect(path).toMatch(/^(?:(?:keys|roots)\/)?[a-z0-9][a-z0-9.-]*$/);
    }
  });
});

describe('a package cut anywhere', () => {
  test('is refused at every byte', async () => {
    const whole = await smallPackage(image);
    for (let length = 0; length < whole.length; length++) {
      const cut = await openContainer(memoryAccess(whole.subarray(0, length), 'x.ota')).catch((error) => error);
      if (cut.code !== 'CONTAINER_INVALID') expect.fail(`${length} bytes: ${cut.code ?? 'opened'}`);
    }
  });
});

describe('a specimen', () => {
  test('does not expire, whatever its package says', async () => {
    const { metadata } = await takeSpecimen(await container({ expiresAt: '2020-01-01T00:00:00Z' }));
    expect(metadata.expiresAt).toBeUndefined();
  });

  test('is not taken from a package whose payload is damaged', async () => {
    const bytes = await smallPackage(image);
    bytes[bytes.indexOf('firmware firmware')]! ^= 1;
    const damaged = openContainer(memoryAccess(bytes, 'x.ota')).then((opened) => takeSpecimen(opened));
    await expect(damaged).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
  });

  test('is not taken for a base that no delta fits', async () => {
    await expect(takeSpecimen(await container(), memoryAccess(image, 'old.bin'))).rejects.toMatchObject({
      code: 'BASE_MISMATCH',
    });
  });

  test('is not taken from a payload too large to be copied hundreds of times', async () => {
    const large = openContainer(memoryAccess(await smallPackage(Buffer.alloc(8 * 1024 ** 2 + 1)), 'x.ota'));
    await expect(large.then((opened) => takeSpecimen(opened))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('frozen bzip2 streams', () => {
  test('decode to the bytes they stand for', async () => {
    const bzip2 = await Bzip2.init();
    for (const [sha256, stream] of Object.entries(FROZEN_BZIP2_STREAMS)) {
      const decoded = bzip2.decompress(Buffer.from(stream, 'base64'), 64 * 1024 ** 2);
      expect(hash('sha256', decoded), `stream of ${decoded.length} bytes`).toBe(sha256);
    }
  });

  test('are not invented for other bytes', () => {
    expect(() => frozenBzip2(Buffer.from('new'))).toThrow('no frozen bzip2 stream for 3 bytes');
  });
});

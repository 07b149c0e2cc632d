import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { JsonValue } from '../../../src/lib/core/strict-json.js';
import { authenticatePackage } from '../../../src/lib/package/authenticate.js';
import { openContainer } from '../../../src/lib/package/container.js';
import { trustKeys } from '../../../src/lib/trust/trust-policy.js';
import { fullPayload, packageBytes, releaseMetadata, smallPackage, testSigner } from '../../support/packages.js';

const image = Buffer.from('firmware '.repeat(2000));
const now = new Date('2026-06-01T00:00:00Z');
const [alice, bob, eve] = [1, 2, 3].map(testSigner) as [
  ReturnType<typeof testSigner>,
  ...ReturnType<typeof testSigner>[],
];
const trustAlice = trustKeys([alice.publicKey], { product: 'meter' });
const authenticate = async (bytes: Uint8Array, trust = trustAlice) =>
  authenticatePackage(await openContainer(memoryAccess(bytes, 'x.ota')), { trust, now });

describe('authenticatePackage', () => {
  test('gives metadata, digest and signers of a package that a trusted key signed', async () => {
    const pkg = await authenticate(await smallPackage(image));
    expect(pkg.metadata.version).toBe('2.0.0');
    expect(pkg.signatures).toMatchObject({ role: 'release:meter', threshold: 1, keyids: [alice.publicKey.keyid] });
    expect(pkg.payloads.map(({ entry }) => entry.file)).toEqual(['app-full.full']);
  });

  test('refuses every changed bit of the metadata as a bad signature, before parsing it', async () => {
    const bytes = await smallPackage(image);
    const { metadataBytes } = await openContainer(memoryAccess(bytes, 'x.ota'));
    for (let bit = 0; bit < metadataBytes.length * 8; bit += 7) {
      const changed = Buffer.from(bytes);
      changed[512 + (bit >> 3)]! ^= 1 << (bit & 7);
      await expect(authenticate(changed), `bit ${bit}`).rejects.toMatchObject({
        code: 'SIGNATURE_INVALID',
        exitCode: 3,
      });
    }
  });

  test('refuses metadata that is no JSON at all as a bad signature, not as bad JSON', async () => {
    const metadataBytes = Buffer.from('{');
    const { content } = fullPayload(image);
    const bytes = await packageBytes({ metadataBytes, payloads: [content], signers: [eve!] });
    await expect(authenticate(bytes)).rejects.toMatchObject({ code: 'KEY_UNTRUSTED', exitCode: 3 });
    const signed = await packageBytes({ metadataBytes, payloads: [content], signers: [alice] });
    await expect(authenticate(signed)).rejects.toMatchObject({ code: 'JSON_INVALID', exitCode: 4 });
  });

  test.each<[string, string, () => Promise<Buffer>, typeof trustAlice?]>([
    ['no signature', 'SIGNATURE_MISSING', () => smallPackage(image, {}, [])],
    ['only the signature of a stranger', 'KEY_UNTRUSTED', () => smallPackage(image, {}, [eve!])],
    [
      'one signature of two',
      'SIGNATURE_THRESHOLD',
      () => smallPackage(image),
      trustKeys([alice.publicKey, bob!.publicKey], { threshold: 2 }),
    ],
    ['a good signature for another product', 'ROLE_UNTRUSTED', () => smallPackage(image, { product: 'pump' })],
    ['signatures but no trusted key', 'KEY_MISSING', () => smallPackage(image), trustKeys([])],
  ])('refuses a package with %s', async (_, code, bytes, trust) => {
    await expect(authenticate(await bytes(), trust)).rejects.toMatchObject({ code, exitCode: 3 });
  });

  test('counts two of two', async () => {
    const trust = trustKeys([alice.publicKey, bob!.publicKey], { threshold: 2 });
    const pkg = await authenticate(await smallPackage(image, {}, [bob!, alice]), trust);
    expect(pkg.signatures.keyids).toHaveLength(2);
  });
});

describe('the payloads of a container', () => {
  const app = fullPayload(image);
  const modem = fullPayload(Buffer.alloc(5000, 9), { component: 'modem' });
  const metadataBytes = canonicalJson(releaseMetadata([app.entry, modem.entry]) as JsonValue);
  const pack = (...payloads: (typeof app.content)[]) => packageBytes({ metadataBytes, payloads, signers: [alice] });

  test('may be any part of those listed, in their order', async () => {
    for (const payloads of [[app.content], [modem.content], [app.content, modem.content]]) {
      const pkg = await authenticate(await pack(...payloads));
      expect(pkg.payloads.map(({ entry }) => entry.file)).toEqual(payloads.map(({ file }) => file));
    }
  });

  test.each<[string, (typeof app.content)[]]>([
    ['in another order', [modem.content, app.content]],
    ['not listed', [{ ...app.content, file: 'radio-full.full' }]],
    ['of another size', [{ ...app.content, data: memoryAccess(image.subarray(1), 'short') }]],
  ])('are refused when %s', async (_, payloads) => {
    await expect(authenticate(await pack(...payloads))).rejects.toMatchObject({
      code: 'CONTAINER_INVALID',
      exitCode: 4,
    });
  });
});

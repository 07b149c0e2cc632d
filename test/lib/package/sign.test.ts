import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { answerRequest } from '../../../src/lib/package/answer-request.js';
import { authenticatePackage } from '../../../src/lib/package/authenticate.js';
import { openContainer } from '../../../src/lib/package/container.js';
import { attachSignatures, type SignOptions, signFile, withSignable } from '../../../src/lib/package/sign.js';
import { openSignable, readSigningRequest, requestWords } from '../../../src/lib/package/signable.js';
import { readDetachedSignature } from '../../../src/lib/trust/detached-signature.js';
import { METADATA_PAYLOAD_TYPE, ROOT_PAYLOAD_TYPE } from '../../../src/lib/trust/dsse.js';
import { encodeTrustRoot, readTrustRoot } from '../../../src/lib/trust/root.js';
import type { Signer } from '../../../src/lib/trust/signer.js';
import { encodeSigningRequest } from '../../../src/lib/trust/signing-request.js';
import { trustKeys } from '../../../src/lib/trust/trust-policy.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { smallPackage, testSigner } from '../../support/packages.js';
import { faultySigner, rootOf } from '../trust/keys.js';

const [ann, ben, eve] = [testSigner(1), testSigner(2), testSigner(3)] as const;
const image = randomBytes(20_000);
const now = new Date('2026-06-01T00:00:00Z');

let folder: TestFolder;
let path: string;
let unsigned: Buffer;
beforeEach(async () => {
  folder = await testFolder();
  path = folder.file('app.ota');
  unsigned = await smallPackage(image, {}, []);
  await writeFile(path, unsigned);
});
afterEach(() => folder[Symbol.asyncDispose]());

async function sign(file: string, options: SignOptions) {
  return await withSignable(file, options, (signable) => signFile(signable, options));
}

async function signersOf(file: string): Promise<readonly string[]> {
  const container = await openContainer(memoryAccess(await readFile(file), file));
  const trust = trustKeys([ann, ben, eve].map(({ publicKey }) => publicKey));
  return authenticatePackage(container, { trust, now }).signatures.keyids;
}

const sorted = (...signers: Signer[]) => signers.map(({ publicKey }) => publicKey.keyid).sort();

describe('signFile on a package', () => {
  test('gives the bytes that packing with the key would have given', async () => {
    const result = await sign(path, { signers: [ann] });
    expect(result).toMatchObject({ path, added: sorted(ann), signatures: sorted(ann) });
    expect((await readFile(path)).equals(await smallPackage(image, {}, [ann]))).toBe(true);
  });

  test('a second signature joins the first, in any order with the same bytes', async () => {
    await sign(path, { signers: [ann] });
    await sign(path, { signers: [ben] });
    expect(await signersOf(path)).toEqual(sorted(ann, ben));
    expect((await readFile(path)).equals(await smallPackage(image, {}, [ben, ann]))).toBe(true);
  });

  test('the same key again changes nothing, not even the file', async () => {
    await sign(path, { signers: [ann] });
    const before = await stat(path, { bigint: true });
    expect(await sign(path, { signers: [ann] })).toMatchObject({ added: [], signatures: sorted(ann) });
    const after = await stat(path, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  test('--out leaves the file as it was, and does not replace another', async () => {
    const outPath = folder.file('signed.ota');
    await sign(path, { signers: [ann], outPath });
    expect((await readFile(path)).equals(unsigned)).toBe(true);
    expect(await signersOf(outPath)).toEqual(sorted(ann));
    await expect(sign(path, { signers: [ben], outPath })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await signersOf(outPath)).toEqual(sorted(ann));
  });

  test('keeps the permissions of the file', async () => {
    await chmod(path, 0o640);
    await sign(path, { signers: [ann] });
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  test('a dry run and a faulty signer write nothing', async () => {
    expect(await sign(path, { signers: [ann], dryRun: true })).toMatchObject({ added: sorted(ann) });
    await expect(sign(path, { signers: [ann, faultySigner(ben)] })).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
    expect((await readFile(path)).equals(unsigned)).toBe(true);
    expect(await readdir(folder.path)).toEqual(['app.ota']);
  });

  test('does not sign what a device would refuse: a damaged payload, broken framing', async () => {
    const damaged = Buffer.from(unsigned);
    const at = damaged.indexOf(image.subarray(0, 64));
    damaged[at]! ^= 1;
    await writeFile(path, damaged);
    await expect(sign(path, { signers: [ann] })).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
    expect((await readFile(path)).equals(damaged)).toBe(true);
    await writeFile(path, unsigned.subarray(0, 2000));
    await expect(sign(path, { signers: [ann] })).rejects.toMatchObject({ code: 'CONTAINER_INVALID' });
  });

  test('two at once: one signs, the other is told so, and no signature is lost', async () => {
    const { promise: bothOpen, resolve: open } = Promise.withResolvers<void>();
    const slow: Signer = { publicKey: ann.publicKey, sign: (message) => bothOpen.then(() => ann.sign(message)) };
    const first = sign(path, { signers: [slow] });
    await expect.poll(() => readdir(folder.path)).toContain('app.ota.lock');
    await expect(sign(path, { signers: [ben] })).rejects.toMatchObject({ code: 'LOCKED', exitCode: 8 });
    open();
    await first;
    await sign(path, { signers: [ben] });
    expect(await signersOf(path)).toEqual(sorted(ann, ben));
    expect(await readdir(folder.path)).toEqual(['app.ota']);
  });

  test('a symlink is not replaced by a file', async () => {
    const link = folder.file('link.ota');
    await symlink(path, link);
    await expect(sign(link, { signers: [ann] })).rejects.toMatchObject({ code: 'OUTPUT_SYMLINK' });
    expect((await readFile(path)).equals(unsigned)).toBe(true);
  });

  test('an abort leaves the file as it was', async () => {
    await expect(sign(path, { signers: [ann], signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect((await readFile(path)).equals(unsigned)).toBe(true);
    expect(await readdir(folder.path)).toEqual(['app.ota']);
  });
});

describe('the offline ceremony', () => {
  async function request(file = path): Promise<string> {
    await using signable = await openSignable(file);
    const out = folder.file('request.json');
    await writeFile(out, encodeSigningRequest(signable.request, signable.words));
    return out;
  }

  async function answer(requestPath: string, signer: Signer): Promise<string> {
    const read = await readSigningRequest(requestPath);
    const answered = await answerRequest(read!, requestPath, { signers: [signer] });
    return answered.signatures[0]!.out;
  }

  async function attach(file: string, signaturePaths: string[]) {
    await using signable = await openSignable(file);
    const detached = await Promise.all(signaturePaths.map((each) => readDetachedSignature(each, signable.request, [])));
    return await attachSignatures(signable, detached, {});
  }

  test('request, sign twice elsewhere, attach one by one: the same bytes as signing here', async () => {
    const requestPath = await request();
    const fromBen = await answer(requestPath, ben);
    const fromAnn = await answer(requestPath, ann);
    expect(await attach(path, [fromBen])).toMatchObject({ added: sorted(ben) });
    expect(await attach(path, [fromAnn, fromBen])).toMatchObject({ added: sorted(ann), signatures: sorted(ann, ben) });
    expect(await attach(path, [fromAnn])).toMatchObject({ added: [] });
    expect((await readFile(path)).equals(await smallPackage(image, {}, [ann, ben]))).toBe(true);
  });

  test('each signature has a file of its own, named after request and key', async () => {
    const requestPath = await request();
    expect(await answer(requestPath, ann)).toBe(folder.file(`request.${ann.publicKey.keyid.slice(0, 8)}.sig.json`));
    await expect(answer(requestPath, ann)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    const read = (await readSigningRequest(requestPath))!;
    const both = answerRequest(read, requestPath, { signers: [ann, ben], outPath: folder.file('x.json') });
    await expect(both).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('a signature over another package is refused, and the package stays as it was', async () => {
    const signature = await answer(await request(), ann);
    const other = await smallPackage(image, { sequence: 3 }, []);
    await writeFile(path, other);
    await expect(attach(path, [signature])).rejects.toMatchObject({ code: 'SIGNING_REQUEST_INVALID' });
    expect((await readFile(path)).equals(other)).toBe(true);
  });

  test('the words on the signing machine come from what is signed, not from the request', async () => {
    const requestPath = await request();
    const file = JSON.parse(await readFile(requestPath, 'utf8'));
    await writeFile(requestPath, JSON.stringify({ ...file, unverified: ['package of product harmless'] }));
    const words = requestWords((await readSigningRequest(requestPath))!);
    expect(words[0]).toBe('package of product meter, version 2.0.0, sequence 2, security counter 1');
  });

  test.each([
    ['metadata that no device takes', METADATA_PAYLOAD_TYPE, '{"product":"meter"}', 'METADATA_INVALID'],
    ['a root in another form', ROOT_PAYLOAD_TYPE, '{ "spec": "ota-fleet-root/1" }', 'SIGNING_REQUEST_INVALID'],
    ['a root that is none', ROOT_PAYLOAD_TYPE, '{"spec":"ota-fleet-root/1"}', 'ROOT_INVALID'],
  ] as const)('refuses to sign %s', async (_, payloadType, text, code) => {
    const content = Buffer.from(text);
    const digest = (await import('node:crypto')).createHash('sha256').update(content).digest();
    const requestPath = folder.file('request.json');
    await writeFile(requestPath, encodeSigningRequest({ payloadType, subject: 'x', content, digest }, []));
    await expect(answer(requestPath, ann)).rejects.toMatchObject({ code });
    expect((await readdir(folder.path)).sort()).toEqual(['app.ota', 'request.json']);
  });

  test('works for trust roots in the same way', async () => {
    const root = await rootOf({ root: [ann, ben], rootThreshold: 2 });
    const file = folder.file('root.1.json');
    await writeFile(file, encodeTrustRoot({ ...root, signatures: [] }));
    const requestPath = await request(file);
    const fromAnn = await answer(requestPath, ann);
    const fromBen = await answer(requestPath, ben);
    expect((await attach(file, [fromAnn])).needs).toMatchObject([{ missing: 1, open: [ben.publicKey.keyid] }]);
    expect((await attach(file, [fromBen])).needs).toMatchObject([{ missing: 0 }]);
    expect(await readFile(file)).toEqual(encodeTrustRoot(root));
  });
});

describe('signFile on a trust root', () => {
  test('adds the signature of a root key, and refuses any other', async () => {
    const root = await rootOf({ root: [ann, ben], rootThreshold: 2, release: [eve] });
    const file = folder.file('root.1.json');
    await writeFile(file, encodeTrustRoot({ ...root, signatures: [] }));
    await expect(sign(file, { signers: [eve] })).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
    expect((await readTrustRoot(file)).signatures).toEqual([]);
    expect((await sign(file, { signers: [ben] })).needs).toMatchObject([{ missing: 1 }]);
    expect((await sign(file, { signers: [ann] })).needs).toMatchObject([{ missing: 0 }]);
    expect(await readFile(file)).toEqual(encodeTrustRoot(root));
  });
});

test('a package is not taken for a signing request, nor a root', async () => {
  expect(await readSigningRequest(path)).toBeUndefined();
  const file = folder.file('root.1.json');
  await writeFile(file, encodeTrustRoot(await rootOf({ root: [ann] })));
  expect(await readSigningRequest(file)).toBeUndefined();
});

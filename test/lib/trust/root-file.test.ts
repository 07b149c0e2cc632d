import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeTrustRoot, makeTrustRoot, readTrustRoot, type TrustRoot } from '../../../src/lib/trust/root.js';
import { addKey, rotateKey, setRootExpiry, setThreshold } from '../../../src/lib/trust/root-edit.js';
import { createRootFile, editRootFile, readPredecessor } from '../../../src/lib/trust/root-file.js';
import { verifyRotation } from '../../../src/lib/trust/root-rotation.js';
import { faultySigner, inTwoYears, newSigner, now, signedRoot } from './keys.js';

const [ann, ben, eve] = [newSigner(), newSigner(), newSigner()] as const;
let directory: string;
let one: TrustRoot;
const path = (name: string) => join(directory, name);
const content = async () => {
  const names = (await readdir(directory)).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(path(name), 'utf8')]));
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ota-root-'));
  await createRootFile(signedRoot({ root: [ann], release: [eve] }), path('root.1.json'), { signers: [ann] });
  one = await readTrustRoot(path('root.1.json'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('editRootFile', () => {
  test('writes the successor beside a signed root, which stays as it is', async () => {
    const before = await readFile(one.name, 'utf8');
    const written = await editRootFile(one, { edit: setRootExpiry(inTwoYears), signers: [ann] });
    expect(written).toMatchObject({ path: path('root.2.json'), amended: false, dropped: 0 });
    expect(written.needs.map(({ missing }) => missing)).toEqual([0, 0]);
    expect(() => verifyRotation(one, written.root, { now })).not.toThrow();
    expect(await readTrustRoot(path('root.2.json'))).toEqual(written.root);
    expect(await readFile(one.name, 'utf8')).toBe(before);
  });

  test('changes a draft in place until it is complete, and says how many signatures that costs', async () => {
    await editRootFile(one, { edit: addKey('root', ben.publicKey), signers: [] });
    const draft = await readTrustRoot(path('root.2.json'));
    const raised = await editRootFile(draft, { edit: setThreshold('root', 2), signers: [ann] });
    expect(raised).toMatchObject({ path: path('root.2.json'), amended: true, dropped: 0 });
    expect(raised.needs.map(({ missing }) => missing)).toEqual([0, 1]);
    const again = await editRootFile(raised.root, { edit: setRootExpiry(inTwoYears), signers: [ann, ben] });
    expect(again).toMatchObject({ amended: true, dropped: 1 });
    expect(again.needs.map(({ missing }) => missing)).toEqual([0, 0]);
    const next = await editRootFile(again.root, { edit: setThreshold('root', 1), signers: [] });
    expect(next).toMatchObject({ path: path('root.3.json'), amended: false });
  });

  test('a draft that only lacks the signatures of the version before it is still a draft', async () => {
    await editRootFile(one, { edit: rotateKey(ann.publicKey.keyid, ben.publicKey), signers: [ben] });
    const draft = await readTrustRoot(path('root.2.json'));
    const amended = await editRootFile(draft, { edit: setRootExpiry(inTwoYears), signers: [ann, ben] });
    expect(amended).toMatchObject({ path: path('root.2.json'), amended: true });
    expect(() => verifyRotation(one, amended.root, { now })).not.toThrow();
  });

  test('a dry run, a refused edit, a foreign signer, a faulty signer: nothing is written', async () => {
    const before = await content();
    const edit = setRootExpiry(inTwoYears);
    await editRootFile(one, { edit, signers: [ann], dryRun: true });
    await expect(editRootFile(one, { edit: setThreshold('root', 9), signers: [ann] })).rejects.toMatchObject({
      code: 'USAGE',
    });
    await expect(editRootFile(one, { edit, signers: [eve] })).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
    await expect(editRootFile(one, { edit, signers: [faultySigner(ann)] })).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
    });
    expect(await content()).toEqual(before);
  });

  test('does not write over another draft, and says how to go on', async () => {
    await editRootFile(one, { edit: setRootExpiry(inTwoYears), signers: [] });
    const before = await content();
    const again = editRootFile(one, { edit: addKey('root', ben.publicKey), signers: [] });
    await expect(again).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      suggestions: [expect.stringContaining('root.2.json'), expect.stringContaining('--force')],
    });
    expect(await content()).toEqual(before);
  });

  test('refuses to go on from a root whose signatures do not fit', async () => {
    const altered = makeTrustRoot({ ...one.signed, expiresAt: '2031-01-01T00:00:00Z' }, one.signatures, one.name);
    await writeFile(one.name, encodeTrustRoot(altered));
    const before = await content();
    const edit = editRootFile(await readTrustRoot(one.name), { edit: setRootExpiry(inTwoYears), signers: [ann] });
    await expect(edit).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(await content()).toEqual(before);
  });
});

describe('readPredecessor', () => {
  test('finds root.<N-1>.json beside the file, or the one that is named', async () => {
    const { root: two } = await editRootFile(one, { edit: setRootExpiry(inTwoYears), signers: [ann] });
    expect(await readPredecessor(two)).toEqual(one);
    expect(await readPredecessor({ ...two, name: '/elsewhere/root.2.json' })).toBeUndefined();
    expect(await readPredecessor({ ...two, name: '/elsewhere/root.2.json' }, one.name)).toEqual(one);
    expect(await readPredecessor(one)).toBeUndefined();
  });

  test('refuses one of another version', async () => {
    const { root: two } = await editRootFile(one, { edit: setRootExpiry(inTwoYears), signers: [ann] });
    await expect(readPredecessor(two, two.name)).rejects.toMatchObject({ code: 'ROOT_ROTATION' });
    await expect(readPredecessor(one, two.name)).rejects.toMatchObject({ code: 'ROOT_ROTATION' });
    await expect(readPredecessor(two, path('none.json'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

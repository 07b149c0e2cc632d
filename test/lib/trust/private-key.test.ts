import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { verifyEd25519 } from '../../../src/lib/trust/ed25519.js';
import { generatePrivateKey, parsePrivateKeyPem, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { publicKeyPem } from '../../../src/lib/trust/public-key.js';
import { keySigner } from '../../../src/lib/trust/signer.js';
import { foreignKeys, noPassphrase } from './keys.js';

const key = generatePrivateKey({ isTest: false });
const passphrase = 'correct horse battery staple ä';

describe('private keys', () => {
  test('a plain key is read back, without asking for a passphrase', async () => {
    const read = await parsePrivateKeyPem(privateKeyPem(key), 'a.key', noPassphrase);
    expect(read.publicKey).toEqual(key.publicKey);
    expect(read.isEncrypted).toBe(false);
  });

  test('an encrypted key is read back, and the runtime reads it too', async () => {
    const pem = privateKeyPem(key, passphrase);
    const getPassphrase = vi.fn(async () => passphrase);
    const read = await parsePrivateKeyPem(pem, 'a.key', getPassphrase);
    expect(read.publicKey).toEqual(key.publicKey);
    expect(read.isEncrypted).toBe(true);
    expect(getPassphrase).toHaveBeenCalledExactlyOnceWith('a.key');
    expect(createPrivateKey({ key: pem, passphrase }).equals(key.privateKey)).toBe(true);
  });

  test('encrypting twice gives different files: salt and IV are fresh', () => {
    expect(privateKeyPem(key, passphrase)).not.toBe(privateKeyPem(key, passphrase));
  });

  test.each(['aes-256-cbc', 'aes-128-cbc'])('a key that the runtime encrypted with %s is read', async (cipher) => {
    const pem = key.privateKey.export({ format: 'pem', type: 'pkcs8', cipher, passphrase }).toString();
    const read = await parsePrivateKeyPem(pem, 'a.key', async () => passphrase);
    expect(read.publicKey.keyid).toBe(key.publicKey.keyid);
  });

  test('the mark of a test key survives in private and public files', async () => {
    const marked = generatePrivateKey({ isTest: true });
    for (const pem of [privateKeyPem(marked), privateKeyPem(marked, passphrase)]) {
      expect(pem).toMatch(/^ota-fleet TEST KEY/);
      const read = await parsePrivateKeyPem(pem, 'a.key', async () => passphrase);
      expect(read.publicKey.isTest).toBe(true);
      expect(publicKeyPem(read.publicKey)).toMatch(/^ota-fleet TEST KEY/);
    }
  });

  test('signing is deterministic and verifies', async () => {
    const signer = keySigner(key.privateKey, key.publicKey);
    const message = Buffer.from('firmware');
    const signature = await signer.sign(message);
    expect(await signer.sign(message)).toEqual(signature);
    expect(verifyEd25519(key.publicKey.raw, message, signature)).toBe(true);
  });

  test('a wrong passphrase is refused, and neither it nor the key is echoed', async () => {
    const pem = privateKeyPem(key, passphrase);
    const error: unknown = await parsePrivateKeyPem(pem, 'a.key', async () => 'hunter2').catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'KEY_PASSPHRASE' });
    const said = `${(error as Error).stack}${JSON.stringify(error)}`;
    expect(said).not.toContain('hunter2');
    expect(said).not.toContain(pem.split('\n')[1]);
  });

  test.each(foreignKeys())('refuses a private key of type $type', async ({ type, privatePem }) => {
    await expect(parsePrivateKeyPem(privatePem, 'a.key', noPassphrase)).rejects.toMatchObject({
      code: 'KEY_INVALID',
      message: expect.stringContaining(type),
    });
  });

  test('refuses a public key, a legacy RSA block and damaged DER', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const legacy = privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
    const damaged = privateKeyPem(key).replace('MC4C', 'MC5C');
    for (const [pem, fact] of [
      [publicKeyPem(key.publicKey), 'is a public key'],
      [legacy, 'RSA PRIVATE KEY'],
      [damaged, 'not PKCS#8'],
    ] as const) {
      await expect(parsePrivateKeyPem(pem, 'a.key', noPassphrase)).rejects.toMatchObject({
        code: 'KEY_INVALID',
        message: expect.stringContaining(fact),
      });
    }
  });

  test('the key in the file is the one that was made', () => {
    const derived = createPublicKey(createPrivateKey(privateKeyPem(key)));
    expect(derived.export({ format: 'pem', type: 'spki' })).toBe(publicKeyPem(key.publicKey));
  });
});

import { createPublicKey, hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TEST_KEY_LINE } from '../../../src/lib/trust/pem.js';
import { generatePrivateKey, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { parsePublicKeyPem, publicKeyPem, spkiOf } from '../../../src/lib/trust/public-key.js';
import { smallOrderEncodings } from './hostile-keys.js';
import { foreignKeys, newSigner } from './keys.js';

const { publicKey } = newSigner();
const pem = publicKeyPem(publicKey);

function pemOf(raw: Uint8Array): string {
  return `-----BEGIN PUBLIC KEY-----\n${spkiOf(raw).toString('base64')}\n-----END PUBLIC KEY-----\n`;
}

describe('parsePublicKeyPem', () => {
  test('reads back what was written', () => {
    expect(parsePublicKeyPem(pem, 'a.pub')).toEqual(publicKey);
  });

  test('reads what the runtime exports, and names it by the hash of its DER form', () => {
    const der = createPublicKey(pem).export({ format: 'der', type: 'spki' });
    expect(parsePublicKeyPem(pem, 'a.pub').keyid).toBe(hash('sha256', der));
  });

  test('knows a test key by the line before the block, and keeps the mark', () => {
    const marked = parsePublicKeyPem(`${TEST_KEY_LINE}\n${pem}`, 'a.pub');
    expect(marked).toEqual({ ...publicKey, isTest: true });
    expect(parsePublicKeyPem(publicKeyPem(marked), 'a.pub').isTest).toBe(true);
    expect(createPublicKey(publicKeyPem(marked)).equals(createPublicKey(pem))).toBe(true);
  });

  test('other text before the block is no mark', () => {
    expect(parsePublicKeyPem(`Key of Ann\n${pem}`, 'a.pub').isTest).toBe(false);
  });

  test('takes Windows line ends and text after the block', () => {
    expect(parsePublicKeyPem(`${pem.replaceAll('\n', '\r\n')}\r\nbye`, 'a.pub')).toEqual(publicKey);
  });

  test.each(foreignKeys())('refuses a public key of type $type', ({ type, publicPem }) => {
    expect(() => parsePublicKeyPem(publicPem, 'a.pub')).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining(type) }),
    );
  });

  test.each(foreignKeys())('names a private key of type $type without echoing it', ({ privatePem }) => {
    expectSecretKept(privatePem, 'a.key: is a private key');
  });

  test('names its own private key, plain or encrypted, without echoing it', () => {
    const key = generatePrivateKey({ isTest: false });
    expectSecretKept(privateKeyPem(key), 'a.key: is a private key');
    expectSecretKept(privateKeyPem(key, 'open sesame'), 'a.key: is a private key');
  });

  test.each(smallOrderEncodings())('refuses to enrol the small-order point $hex', ({ bytes }) => {
    expect(() => parsePublicKeyPem(pemOf(bytes), 'a.pub')).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  });

  test('refuses a longer DER form of the same key', () => {
    const padded = Buffer.concat([Buffer.from('30812a', 'hex'), spkiOf(publicKey.raw).subarray(2)]);
    const text = `-----BEGIN PUBLIC KEY-----\n${padded.toString('base64')}\n-----END PUBLIC KEY-----\n`;
    expect(() => parsePublicKeyPem(text, 'a.pub')).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  });

  test.each([
    ['nothing', '', 'is not a key in PEM form'],
    ['DER', spkiOf(publicKey.raw).toString('latin1'), 'is not a key in PEM form'],
    ['two keys', pem + pem, 'holds 2 PEM blocks'],
    ['a block cut short', pem.slice(0, -20), 'cut short'],
    ['no base64', pem.replace('MCow', 'MC*w'), 'is not base64'],
    ['a certificate', pem.replaceAll('PUBLIC KEY', 'CERTIFICATE'), 'is a CERTIFICATE'],
  ])('refuses %s', (_, text, fact) => {
    expect(() => parsePublicKeyPem(text, 'a.pub')).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining(fact) }),
    );
  });

  test('any change to the base64 is refused or another key', () => {
    const body = pem.split('\n')[1]!;
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.constantFrom(...'ABCDwxyz0189+/=*'), (at, character) => {
        const changed = body.slice(0, at) + character + body.slice(at + 1);
        if (changed === body) return;
        try {
          expect(parsePublicKeyPem(pem.replace(body, changed), 'a.pub').keyid).not.toBe(publicKey.keyid);
        } catch (error) {
          expect(error).toMatchObject({ code: 'KEY_INVALID' });
        }
      }),
    );
  });
});

function expectSecretKept(privatePem: string, fact: string): void {
  const body = privatePem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  try {
    parsePublicKeyPem(privatePem, 'a.key');
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: 'KEY_INVALID', message: expect.stringContaining(fact) });
    const said = `${(error as Error).stack}${JSON.stringify(error)}`;
    for (const line of body) expect(said).not.toContain(line);
  }
}

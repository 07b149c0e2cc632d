import { describe, expect, test, vi } from 'vitest';
import { promptConfirm, promptSecret, promptSelect, promptText } from '../../../src/lib/ui/prompts.js';
import { readSecret } from '../../../src/lib/ui/secret.js';

// stdin of a test run is no terminal

describe('readSecret', () => {
  test('takes the value of the variable that is named', async () => {
    vi.stubEnv('OTA_TEST_PASS', 'hunter2');
    expect(await readSecret({ envName: 'OTA_TEST_PASS' })).toBe('hunter2');
    vi.unstubAllEnvs();
  });

  test('does not repeat what was given as a name: it may be the secret itself', async () => {
    const reading = readSecret({ envName: 'hunter2' });
    await expect(reading).rejects.toMatchObject({ code: 'USAGE' });
    await expect(reading).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
  });

  test('refuses an empty one', async () => {
    vi.stubEnv('OTA_TEST_PASS', '');
    await expect(readSecret({ envName: 'OTA_TEST_PASS' })).rejects.toMatchObject({ code: 'USAGE' });
    vi.unstubAllEnvs();
  });

  test('names the flags when nobody can be asked', async () => {
    await expect(readSecret({ prompt: { message: 'Passphrase' } })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('--passphrase-env or --passphrase-stdin'),
    });
  });

  test('stops when the signal was raised', async () => {
    await expect(readSecret({ stdin: true, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});

test.each([
  ['text', () => promptText({ message: 'Product', flag: 'product' })],
  ['a secret', () => promptSecret({ message: 'Product', flag: 'product' })],
  ['a choice', () => promptSelect({ message: 'Product', flag: 'product', choices: [{ name: 'a', value: 1 }] })],
  ['yes or no', () => promptConfirm({ message: 'Product', flag: 'product' })],
])('asking for %s without a terminal names the missing flag', async (_, ask) => {
  await expect(ask()).rejects.toMatchObject({
    code: 'USAGE',
    exitCode: 2,
    message: '--product is missing, and there is no terminal to ask on',
    suggestions: ['Add --product.'],
  });
});

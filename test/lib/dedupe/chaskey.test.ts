import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Chaskey } from '../../../src/lib/dedupe/chaskey.js';
import { messageOfTag } from '../../support/chaskey-backwards.js';

/** Messages of 0 to 63 bytes 00, 01, 02, …; words in hexadecimal, least significant first. */
const published: { key: string; tags: string[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/chaskey/chaskey12.json'), 'utf8'),
);
const words = (text: string) => Int32Array.from(text.split(' '), (word) => Number.parseInt(word, 16));

test('The code is that of the reference implementation for every length up to four blocks', () => {
  const message = Uint8Array.from({ length: 64 }, (_, i) => i);
  const chaskey = new Chaskey(words(published.key));
  expect(published.tags).toHaveLength(64);
  for (const [length, tag] of published.tags.entries()) {
    expect([length, chaskey.mac(message, 0, length)]).toEqual([length, words(tag)]);
  }
});

test('The code depends on the bytes of the range alone', () => {
  const chaskey = new Chaskey(words(published.key));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array(), fc.uint8Array(), (message, before, after) => {
      const alone = Int32Array.from(chaskey.mac(message, 0, message.length));
      const start = before.length;
      expect(chaskey.mac(Buffer.concat([before, message, after]), start, start + message.length)).toEqual(alone);
    }),
  );
});

test('A message of one block can be had back from its code, so no two of them have the same', () => {
  const anyKey = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 4, maxLength: 4 });
  const block = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(anyKey, block, (words, message) => {
      const key = Int32Array.from(words);
      const tag = new Chaskey(key).mac(message, 0, 16);
      expect(messageOfTag(key, tag)).toEqual(Buffer.from(message));
    }),
  );
});

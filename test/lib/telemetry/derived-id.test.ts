import { expect, test } from 'vitest';
import { derivedId } from '../../../src/lib/telemetry/derived-id.js';

test('An id is made as RFC 9562 shows it', () => {
  const domainNames = Buffer.from('6ba7b8109dad11d180b400c04fd430c8', 'hex');
  expect(derivedId(Buffer.from('www.example.com'), domainNames)).toBe('5c146b14-3c52-8afd-938a-375d0df1fbf6');
});

test('The id of a message is the same on every machine and in every version', () => {
  expect(derivedId(Buffer.from('{"deviceId":"truck-7","speed":80}'))).toMatchInlineSnapshot(
    `"b6fe0d46-11ce-87e9-9c3b-9b6ff4189831"`,
  );
});

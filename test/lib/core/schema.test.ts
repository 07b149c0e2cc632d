import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkSchema } from '../../../src/lib/core/schema.js';

const schema = z.object({ payloads: z.array(z.object({ 'sha-256': z.string() })), size: z.number().optional() });
const check = (value: unknown) => checkSchema(schema, value, { code: 'METADATA_INVALID', name: 'metadata.json' });

describe('checkSchema', () => {
  test('returns what the schema describes', () => {
    expect(check({ payloads: [], size: 3 })).toEqual({ payloads: [], size: 3 });
  });

  test.each([
    [{ payloads: [{ 'sha-256': '' }, { 'sha-256': 5 }] }, 'payloads[1].sha-256: expected string, received number'],
    [{ payloads: [], size: 'a' }, 'size: expected number, received string'],
    [{ size: 1 }, 'payloads: expected array, but it is missing'],
    [null, 'expected object, received null'],
  ])('names the file and the path of the first violation in %j', (value, violation) => {
    expect(() => check(value)).toThrow(
      expect.objectContaining({ code: 'METADATA_INVALID', message: `metadata.json: ${violation}` }),
    );
  });

  test('escapes keys that come from the file', () => {
    const record = z.record(z.string(), z.number());
    const bad = () => checkSchema(record, { 'a\u001b b': 'x' }, { code: 'CONFIG_INVALID', name: 'c' });
    expect(bad).toThrow('c: ["a\\u001b b"]: ');
  });
});

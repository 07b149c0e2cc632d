import { describe, expect, test } from 'vitest';
import { parseStrictYaml } from '../../../src/lib/core/strict-yaml.js';

const parse = (text: string | Uint8Array) =>
  parseStrictYaml(typeof text === 'string' ? Buffer.from(text) : text, { name: 'a.yaml', maxBytes: 10_000 });

test('YAML is read as what JSON could hold', async () => {
  const text = '# comment\na: [1, 2.5, "x"]\nb: { c: true, d: null }\ne: 5%\nf: yes\ng: 2026-11-29\n';
  expect(await parse(text)).toEqual({ a: [1, 2.5, 'x'], b: { c: true, d: null }, e: '5%', f: 'yes', g: '2026-11-29' });
});

test('an empty file is null', async () => expect(await parse('# nothing\n')).toBeNull());

describe('a file is refused, with its place, that has', () => {
  test.each([
    ['a key twice', 'a: 1\na: 2', /a\.yaml: Map keys must be unique at line 2, column 1/],
    ['a key twice, written differently, within', 'a:\n  c: 1\n  "c": 2', /must be unique at line 3, column 3/],
    ['a key twice in one line', '{a: 1, a: 2}', /must be unique at line 1, column 8/],
    ['an alias', 'a: &x [1]\nb: *x', /holds an alias/],
    ['a tag', 'a: !!binary aGk=', /Unresolved tag: .* at line 1/],
    ['two documents', 'a: 1\n---\nb: 2', /multiple documents/],
    ['a key that is no text', '? [1]\n: 2', /keys must be strings/],
    ['a number that is none', 'a: .inf', /holds Infinity/],
    ['a key that would change every object', 'a: { __proto__: { b: 1 } }', /__proto__/],
    ['an end too early', 'a: [1', /at line 1/],
  ])('%s', async (_, text, message) => {
    await expect(parse(text)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('bytes that are no UTF-8', async () => {
    await expect(parse(Buffer.from([0x61, 0xff]))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('more bytes than are accepted', async () => {
    await expect(parse('a'.repeat(10_001))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  test('more levels than are accepted', async () => {
    await expect(parse(`a: ${'['.repeat(40)}${']'.repeat(40)}`)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

test('forty thousand keys take little more than twenty thousand', async () => {
  const text = Array.from({ length: 40_000 }, (_, index) => `k${index}: ${index}`).join('\n');
  const value = await parseStrictYaml(Buffer.from(text), { name: 'a.yaml', maxBytes: 1024 ** 2 });
  expect(Object.keys(value as object)).toHaveLength(40_000);
});

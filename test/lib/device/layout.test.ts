import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultLayout } from '../../../src/lib/device/default-layout.js';
import { layoutToJson, parseLayout, physicalSlots } from '../../../src/lib/device/layout.js';
import { smallLayout } from '../../support/boot-control.js';

const parse = (value: unknown) => parseLayout(Buffer.from(JSON.stringify(value)), 'layout.json');
const json = layoutToJson(smallLayout);

describe('a layout', () => {
  test('reads as it was written', () => {
    expect(parse(json)).toEqual(smallLayout);
    const made = defaultLayout({ app: 300_000, modem: 5000 });
    expect(parse(layoutToJson(made))).toEqual(made);
  });

  test('stands in the documentation as it can be used', async () => {
    const page = await readFile(join(import.meta.dirname, '../../../docs/device.md'), 'utf8');
    const example = /```json\n(.*?)```/s.exec(page)![1]!;
    expect(parseLayout(Buffer.from(example), 'docs/device.md').components.modem!.slots).toEqual(['main']);
  });

  test('says of attempts, time and erased value only what is unusual', () => {
    const { bootAttempts: _, confirmTimeoutSeconds: __, erasedValue: ___, ...short } = json;
    expect(parse(short)).toEqual({ ...smallLayout, bootAttempts: 3, confirmTimeoutSeconds: 600, erasedValue: 255 });
  });

  test('gives a component with one slot a second place for the image that waits', () => {
    expect(physicalSlots({ slots: ['main'] })).toEqual(['main', 'staging']);
    expect(physicalSlots({ slots: ['a', 'b', 'c'] })).toEqual(['a', 'b', 'c']);
  });

  const component = (changes: object) => ({
    ...json,
    components: { app: { slots: ['a', 'b'], slotBytes: 4096, ...changes } },
  });
  const named = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

  test.each([
    ['another format', { ...json, spec: 'ota-fleet-layout/2' }, 'layout.json: spec'],
    ['a field nobody knows', { ...json, eraseBlockSize: 4096 }, 'eraseBlockSize'],
    [
      'an erase block that is no power of two',
      { ...json, eraseBlockBytes: 3000 },
      'eraseBlockBytes: expected a power of two',
    ],
    ['an erase block that is too small', { ...json, eraseBlockBytes: 32 }, 'eraseBlockBytes'],
    ['a fractional size', { ...json, eraseBlockBytes: 256.5 }, 'eraseBlockBytes'],
    [
      'an alignment that is no power of two',
      { ...json, writeAlignmentBytes: 24 },
      'writeAlignmentBytes: expected a power of two',
    ],
    ['an alignment above the erase block', { ...json, writeAlignmentBytes: 512 }, 'writeAlignmentBytes: got 512'],
    ['an erased value that no flash has', { ...json, erasedValue: 128 }, 'erasedValue'],
    ['a slot of no whole blocks', component({ slotBytes: 4000 }), 'components.app.slotBytes: got 4000'],
    ['a slot of nothing', component({ slotBytes: 0 }), 'slotBytes'],
    ['no slot', component({ slots: [] }), 'slots'],
    ['nine slots', component({ slots: named(9, 's') }), 'slots'],
    ['two slots of one name', component({ slots: ['a', 'a'] }), 'a slot is named twice'],
    ['a slot named like the staging area', component({ slots: ['a', 'staging'] }), 'is not a name for a slot'],
    ['a slot named like a path', component({ slots: ['../a'] }), 'lowercase letters and digits'],
    ['no component', { ...json, components: {} }, 'at least one component'],
    [
      'seventeen components',
      { ...json, components: Object.fromEntries(named(17, 'c').map((name) => [name, json.components.app])) },
      'at most 16',
    ],
    ['a component named like a path', { ...json, components: { 'a/b': json.components.app } }, 'components'],
    [
      'an exchange whose journal would be larger than most flash',
      component({ slots: ['main'], slotBytes: 64 * 1024 ** 3 }),
      'takes a journal of',
    ],
    ['no boot attempt', { ...json, bootAttempts: 0 }, 'bootAttempts'],
    ['more boot attempts than a byte counts', { ...json, bootAttempts: 256 }, 'bootAttempts'],
    ['no time to confirm', { ...json, confirmTimeoutSeconds: 0 }, 'confirmTimeoutSeconds'],
    ['no storage', { ...json, storageBytes: 0 }, 'storageBytes'],
    ['no object', [], 'layout.json'],
  ])('is refused for %s', (_, value, message) => {
    expect(() => parse(value)).toThrow(
      expect.objectContaining({ code: 'LAYOUT_INVALID', message: expect.stringContaining(message) }),
    );
  });

  test('is refused for ambiguous JSON and for its size', () => {
    const twice = JSON.stringify(json).replace('{', '{"eraseBlockBytes":128,');
    expect(() => parseLayout(Buffer.from(twice), 'layout.json')).toThrow(
      expect.objectContaining({ code: 'JSON_INVALID' }),
    );
    expect(() => parseLayout(Buffer.alloc(64 * 1024 + 1, ' '), 'layout.json')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { factsTold } from '../../../src/lib/package/device-attributes.js';

describe('formats that a device tells', () => {
  test.each([
    ['full, bsdf2', ['full', 'bsdf2']],
    ['full,otad-of-a-later-release', ['full']],
    ['yes', undefined],
    ['', undefined],
  ])('%j', (told, formats) => {
    expect(factsTold(new Map([['ota.formats', told]])).formats).toEqual(formats);
  });
});

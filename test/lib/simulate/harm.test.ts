import { expect, test } from 'vitest';
import { NeededImages } from '../../../src/lib/simulate/harm.js';

const boot = (file: string, onTrial: boolean) => ({ images: { app: { file, size: 1 } }, onTrial });

test('a device with two slots needs the confirmed image and the one on trial, then only what was confirmed', () => {
  const needed = new NeededImages();
  needed.booted(boot('app.a.image', false));
  needed.booted(boot('app.b.image', true));
  expect(new Set(needed.files)).toEqual(new Set(['app.a.image', 'app.b.image']));
  needed.booted(boot('app.b.image', false));
  expect(new Set(needed.files)).toEqual(new Set(['app.b.image']));
});

test('a device with one slot needs its staging area while the confirmed image waits there', () => {
  const needed = new NeededImages();
  needed.booted(boot('app.only.image', false));
  expect(new Set(needed.files)).toEqual(new Set(['app.only.image']));
  needed.booted(boot('app.only.image', true));
  expect(new Set(needed.files)).toEqual(new Set(['app.only.image', 'app.staging.image']));
  needed.booted(boot('app.only.image', false));
  expect(new Set(needed.files)).toEqual(new Set(['app.only.image']));
});

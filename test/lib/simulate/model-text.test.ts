import { expect, it } from 'vitest';
import { modelText, placeText } from '../../../src/lib/simulate/model-text.js';

it.each([
  ['before', 'the power goes before it'],
  ['after-lost', 'the power goes after it, and nothing that was not synced is left'],
  ['idle-only:3', 'the power goes once the step is done, and of what was not synced only change 3 is left'],
  ['names-only', 'the power goes after it: all names that were not synced are left, their data is lost'],
  ['idle-names:1', 'the power goes once the step is done: 1 names that were not synced are left, and all data'],
  ['torn:512', 'the power goes after 512 bytes of it, the rest is as it was'],
  ['torn:512:garbage', 'the power goes after 512 bytes of it, the rest is garbage'],
  ['erased-back:64', 'the power goes when the last 64 bytes are erased'],
  ['garbage', 'the power goes, and its area holds garbage'],
  ['garbage:boot-control.0', 'boot-control.0 holds garbage'],
  ['flip:app.b.image:77', 'a bit of byte 77 of app.b.image has turned over'],
  ['no-space', 'there is no space left'],
  ['io-error-lost', 'it fails with an i/o error; then the power goes, and what was not synced is lost'],
  ['something-new', 'something-new'],
])('says what %s is', (model, words) => {
  expect(modelText(model)).toBe(words);
});

it('says where it happens', () => {
  expect(placeText({ kind: 'write', file: 'f', position: 64, length: 64 })).toBe('write of f, bytes 64 to 127');
  expect(placeText({ kind: 'truncate', file: 'f', length: 9 })).toBe('truncation of f to 9 bytes');
  expect(placeText({ kind: 'rename', file: 'f' })).toBe('rename of f');
  expect(placeText({ kind: 'syncDirectory', file: '' })).toBe('sync of the folder');
});

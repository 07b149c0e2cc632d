import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { imageInFile, MAX_VIEW_BYTES } from '../../../../src/lib/delta/image/image-bytes.js';
import { testFolder } from '../../../support/folder.js';

const SIZE = 7 * 1024 * 1024 + 13;
const byteAt = (at: number) => Math.imul(at, 0x9e3779b1) >>> 24;

test('imageInFile shows the bytes of the file at any place, whatever was viewed before', async () => {
  await using folder = await testFolder();
  const path = folder.file('image');
  await writeFile(
    path,
    Uint8Array.from({ length: SIZE }, (_, at) => byteAt(at)),
  );
  const descriptor = openSync(path, 'r');
  try {
    const image = imageInFile(descriptor, SIZE);
    let state = 1;
    for (let i = 0; i < 600; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const length = i % 7 === 0 ? MAX_VIEW_BYTES : (state >>> 8) % 40_000;
      const at = i % 5 === 0 ? SIZE - length : state % (SIZE - length);
      const view = image.view(at, length);
      expect(view.length).toBe(length);
      if (length === 0) continue;
      for (const offset of [0, length >>> 1, length - 1]) expect(view[offset]).toBe(byteAt(at + offset));
    }
  } finally {
    closeSync(descriptor);
  }
});

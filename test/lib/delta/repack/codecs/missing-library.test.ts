import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.doUnmock('lzma-native');
  vi.doUnmock('7z-wasm');
  vi.resetModules();
});

test.each([
  ['lzma-native', async () => (await import('../../../../../src/lib/delta/repack/codecs/lzma-library.js')).loadLzma()],
  [
    '7z-wasm',
    async () => {
      const { compressBySevenZip } = await import('../../../../../src/lib/delta/repack/codecs/seven-zip.js');
      return compressBySevenZip('LZMA', new Uint8Array(9));
    },
  ],
])('without %s, packing again is refused in one sentence that says what to install', async (library, run) => {
  vi.doMock(library, () => {
    throw new Error(`Cannot find package '${library}'`);
  });
  const refusal = await run().catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    code: 'TOOL_MISSING',
    message: expect.stringMatching(new RegExp(`^The optional library ${library} is not usable here: [^\\n]+$`)),
    suggestions: [expect.stringContaining(`npm install ${library}@`), expect.stringContaining('format otad')],
  });
});

import { basename, dirname } from 'node:path';

/** Larger chunks are libraries that are loaded where they are used, if at all. Bytes. */
const MAX_CHUNK_BYTES = 128 * 1024;
const PACKED = 'packed.js';

/**
 * Puts the small chunks into one file, each in a function that runs when the chunk is first required.
 *
 * Every command shares some modules with others, so splitting makes a chunk for each set of commands: dozens of small
 * files, and opening one takes longer than running it.
 *
 * @param files path → CommonJS
 * @returns the same program with fewer files
 */
export function packChunks(files) {
  const isSmall = ([path, code]) => basename(dirname(path)) === 'chunks' && code.length <= MAX_CHUNK_BYTES;
  const small = [...files].filter(isSmall);
  const names = new Set(small.map(([path]) => basename(path)));
  const kept = new Map();
  for (const file of files) {
    if (!isSmall(file)) kept.set(file[0], throughPack(file[1], names));
  }
  if (small.length > 0) kept.set(`${dirname(small[0][0])}/${PACKED}`, packOf(small));
  return kept;
}

/** `require("../chunks/chunk-X.js")` asks the pack for that chunk. */
function throughPack(code, names) {
  return code.replaceAll(/require\("((?:\.{1,2}\/)+(?:chunks\/)?)([\w-]+\.js)"\)/g, (call, folder, name) =>
    names.has(name) ? `require("${folder}${PACKED}")("./${name}")` : call,
  );
}

/** The parentheses tell the engine to compile the functions together with the file. */
function packOf(chunks) {
  const functions = chunks.map(
    ([path, code]) => `${JSON.stringify(`./${basename(path)}`)}: (function (module, exports, require) {\n${code}}),\n`,
  );
  return `'use strict';
const chunks = {
${functions.join('')}};
const loaded = {};
function load(id) {
  if (chunks[id] === undefined) return require(id);
  if (loaded[id] === undefined) {
    const module = (loaded[id] = { exports: {} });
    chunks[id](module, module.exports, load);
  }
  return loaded[id].exports;
}
module.exports = load;
`;
}

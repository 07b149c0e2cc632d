import { basename, dirname } from 'node:path';

/** Larger chunks are libraries that are loaded where they are used, if at all. Bytes. */
const MAX_CHUNK_BYTES = 128 * 1024;

/**
 * Puts the small chunks into few files, each in a function that runs when the chunk is first required.
 *
 * Every command shares some modules with others, so splitting makes a chunk for each set of commands: dozens of small
 * files, and opening one takes longer than running it. A command reads its packs as a whole; therefore what no command
 * needs at its start lies apart, and so does what only commands that talk to a fleet need.
 *
 * @param files path → CommonJS
 * @param imports path → `{ path, kind }` of what that file imports, as esbuild tells
 * @param entries paths that are run
 * @returns the same program with fewer files
 */
export function packChunks(files, imports, entries) {
  const isSmall = ([path, code]) => basename(dirname(path)) === 'chunks' && code.length <= MAX_CHUNK_BYTES;
  const small = [...files].filter(isSmall);
  const circles = CIRCLES.map(({ name }) => {
    const own = entries.filter((path) => circleOf(path) === name);
    const early = reachable(own, imports, ({ kind }) => kind !== 'dynamic-import');
    return { name, early, all: reachable(own, imports, () => true) };
  });
  const packName = (path) => {
    const starting = circles.find(({ early }) => early.has(path));
    if (starting !== undefined) return `packed${starting.name}.js`;
    return `packed${circles.find(({ all }) => all.has(path))?.name ?? ''}-late.js`;
  };
  const packs = new Map(small.map(([path]) => [basename(path), packName(path)]));
  const kept = new Map();
  for (const file of files) {
    if (!isSmall(file)) kept.set(file[0], throughPack(file[1], packs));
  }
  for (const name of new Set(packs.values())) {
    const own = small.filter(([path]) => packs.get(basename(path)) === name);
    kept.set(`${dirname(own[0][0])}/${name}`, packOf(own, packs));
  }
  return kept;
}

/**
 * Commands and workers by what they share; at its start each needs what is in the pack of its own circle and of those
 * before it. The last pattern that fits decides.
 */
const CIRCLES = [
  { name: '', pattern: /./ },
  {
    name: '-fleet',
    pattern: /\/(commands\/fleet|lib\/(catalog|dedupe|fleet-api|pipeline|query|server|swarm|telemetry|wire))\//,
  },
  { name: '-rollout', pattern: /\/(commands\/ota\/rollout|lib\/(rollout|campaign))\// },
];

function circleOf(path) {
  return CIRCLES.findLast(({ pattern }) => pattern.test(path)).name;
}

function reachable(from, imports, isFollowed) {
  const found = new Set(from);
  for (const path of found) {
    for (const next of imports.get(path) ?? []) if (isFollowed(next)) found.add(next.path);
  }
  return found;
}

/** `require("../chunks/chunk-X.js")` asks its pack for that chunk. */
function throughPack(code, packs) {
  return code.replaceAll(/require\("((?:\.{1,2}\/)+(?:chunks\/)?)([\w-]+\.js)"\)/g, (call, folder, name) =>
    packs.has(name) ? `require("${folder}${packs.get(name)}")("./${name}")` : call,
  );
}

/** The parentheses tell the engine to compile the functions together with the file. */
function packOf(chunks, packs) {
  const functions = chunks.map(
    ([path, code]) => `${JSON.stringify(`./${basename(path)}`)}: (function (module, exports, require) {\n${code}}),\n`,
  );
  const names = new Set(chunks.map(([path]) => basename(path)));
  const others = [...packs].filter(([name]) => !names.has(name));
  return `'use strict';
const chunks = {
${functions.join('')}};
const elsewhere = ${JSON.stringify(Object.fromEntries(others.map(([name, pack]) => [`./${name}`, `./${pack}`])))};
const loaded = {};
function load(id) {
  if (elsewhere[id] !== undefined) return require(elsewhere[id])(id);
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

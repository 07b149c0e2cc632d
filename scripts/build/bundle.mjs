import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, transform } from 'esbuild';
import { leanOclif } from './lean-oclif.mjs';
import { packChunks } from './pack-chunks.mjs';

/**
 * Bundles the dispatcher, each command and each worker into files of `out`, with shared chunks.
 *
 * Splitting needs ES modules, but Node starts CommonJS faster (by a third of what `node -e 0` takes),
 * so the chunks are converted in a second pass.
 *
 * @param root the repository
 * @returns source files that went in, relative to root
 */
export async function bundle(root, out) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: globSync(['src/cli/dispatch.ts', 'src/commands/**/*.ts', 'src/lib/**/*.{worker,child}.ts'], {
      cwd: root,
    }),
    outbase: 'src',
    outdir: out,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.22',
    // Looked for at run time only where installed; lzma-native is native, and with 7z-wasm optional.
    external: ['typescript', 'ts-node', 'tsx', '@oclif/table', 'lzma-native', '7z-wasm'],
    // The Kafka client's own WebAssembly; otherwise it is read from a file beside the client's.
    alias: { '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled' },
    plugins: [leanOclif()],
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const files = new Map();
  for (const { path, contents } of outputFiles) files.set(path, await commonJs(contents));
  const outputs = Object.entries(metafile.outputs).map(([path, output]) => [join(root, path), output]);
  const imports = new Map(
    outputs.map(([path, output]) => [path, output.imports.map((one) => ({ ...one, path: join(root, one.path) }))]),
  );
  const entries = [...files.keys()].filter((path) => !path.startsWith(join(out, 'chunks')));
  for (const [path, code] of packChunks(files, imports, entries)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
  writeFileSync(join(out, 'package.json'), '{ "type": "commonjs" }\n');
  return Object.keys(metafile.inputs);
}

async function commonJs(contents) {
  const { code } = await transform(contents, {
    format: 'cjs',
    platform: 'node',
    target: 'node22.22',
    supported: { 'dynamic-import': false },
    define: {
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': 'importMetaUrl',
    },
  });
  const usesUrl = code.includes('importMetaUrl');
  const header = usesUrl ? "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;\n" : '';
  return header + withLazyBuiltins(code);
}

/** Loads parts of Node that take a millisecond or more where they are used instead of at the start of a file. */
function withLazyBuiltins(code) {
  const declarations = /^var (import_\w+) = require\("(node:(?:child_process|v8|worker_threads|zlib))"\);\n/gm;
  let lazy = code.replace(declarations, '');
  for (const [, name, builtin] of code.matchAll(declarations)) {
    lazy = lazy.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `(require("${builtin}"))`);
  }
  return lazy;
}

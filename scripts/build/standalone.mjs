import { writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

/** A device's flash has room for no more. Bytes. */
const MAX_BYTES = 60_000;

/**
 * Bundles the applier for devices into one file that needs nothing but Node 20 or later.
 *
 * The code of all instruction sets and coders is larger than the room for it, so the file holds it packed with
 * brotli, which every Node can unpack.
 *
 * @param root the repository
 * @param out  folder
 */
export async function buildStandalone(root, out) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/lib/delta/standalone/apply.ts'],
    outfile: join(out, 'apply.mjs'),
    bundle: true,
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    supported: { 'dynamic-import': false },
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const packages = Object.keys(metafile.inputs).filter((input) => input.includes('node_modules/'));
  const [output] = Object.values(metafile.outputs);
  const others = output.imports.map(({ path }) => path).filter((path) => !isBuiltin(path));
  if (packages.length + others.length > 0) {
    throw new Error(`dist/apply.mjs must need nothing but Node, it needs ${[...packages, ...others].join(', ')}`);
  }
  const [{ path, contents }] = outputFiles;
  const file = selfUnpacking(contents);
  if (file.length > MAX_BYTES) {
    throw new Error(`dist/apply.mjs has ${file.length} bytes, at most ${MAX_BYTES} are allowed`);
  }
  writeFileSync(path, file);
}

function selfUnpacking(code) {
  return `#!/usr/bin/env node
// Applies firmware patches: node apply.mjs --help
// What follows is src/lib/delta/standalone of ota-fleet, minified and packed with brotli.
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { brotliDecompressSync } from 'node:zlib';

Symbol.asyncDispose ??= Symbol.for('Symbol.asyncDispose'); // the first releases of Node 20 lack it
const packed =
  '${brotliCompressSync(code).toString('base64')}';
const code = brotliDecompressSync(Buffer.from(packed, 'base64')).toString();
compileFunction(code, ['require', 'module'], { filename: 'apply.mjs' })(createRequire(import.meta.url), {});
`;
}

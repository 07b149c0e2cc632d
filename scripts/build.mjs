// Bundles src/ into dist/: one file for each command and each worker, shared chunks, and for each
// executable a manifest and its rendered help. Built aside and swapped in, so that dist/ is never half there.
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { writeCommandFiles } from './build/command-files.mjs';
import { leanOclif } from './build/lean-oclif.mjs';
import { thirdPartyNotices } from './build/third-party-notices.mjs';

const root = dirname(import.meta.dirname);
const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const out = join(root, `dist.${process.pid}`);

process.on('exit', () => rmSync(out, { recursive: true, force: true }));

const { metafile } = await build({
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
  // oclif looks for these at run time only when they are installed; bsdiff-node is native and optional.
  external: ['typescript', 'ts-node', 'tsx', '@oclif/table', 'bsdiff-node'],
  // Bundled CommonJS modules expect these three.
  banner: {
    js: "import { createRequire as nodeCreateRequire } from 'node:module';\nconst require = nodeCreateRequire(import.meta.url);",
  },
  define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
  plugins: [leanOclif(), wasmBesideItsModule()],
  loader: { '.wasm': 'file' },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
}).catch(() => process.exit(1)); // esbuild has said why

writeFileSync(join(out, 'version.json'), `${JSON.stringify({ name: pjson.name, version: pjson.version })}\n`);
writeFileSync(join(out, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, Object.keys(metafile.inputs)));
await writeCommandFiles({ root, pjson, out });

const dist = join(root, 'dist');
const previous = `${out}.previous`;
if (existsSync(dist)) renameSync(dist, previous);
renameSync(out, dist);
rmSync(previous, { recursive: true, force: true });

/** @foxglove/wasm-bz2 looks for its .wasm beside itself; in the bundle that is wherever esbuild puts it. */
function wasmBesideItsModule() {
  return {
    name: 'wasm-beside-its-module',
    setup(builder) {
      builder.onLoad({ filter: /wasm-bz2[\\/]wasm[\\/]module\.js$/ }, ({ path }) => {
        const source = readFileSync(path, 'utf8');
        const contents = source.replace(
          'return prefix + input;',
          "return require('path').join(__dirname, require('./module.wasm'));",
        );
        if (contents === source) throw new Error(`${path} no longer locates its .wasm the way this build expects`);
        return { contents, loader: 'js' };
      });
    },
  };
}

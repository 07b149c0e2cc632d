// The product: the store as the pipeline opens it, one commit with a checkpoint for each batch.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

let bundle;

export async function open({ directory, windowKeys, batchKeys }) {
  bundle ??= await bundled(`${directory}-code`);
  const store = await bundle.openDedupeStore(directory, {
    fs: bundle.openDurableFs(),
    window: { keys: windowKeys },
    digestBytes: 0,
    sealing: 'worker',
  });
  let committed = 0;
  return {
    canReopen: true,
    judge({ keys }, verdicts) {
      store.seenOrInsert({ count: batchKeys, keys }, verdicts);
      committed += batchKeys;
      const positions = { output: { bytes: committed * 250 }, inputs: { input: { bytes: committed * 250 } } };
      return store.commit({ data: Buffer.from(JSON.stringify(positions)), eventTimeMs: committed });
    },
    settle: () => store.seal(),
    facts() {
      const { keys, generations, agedGenerations, filter, diskBytes } = store.stats();
      return {
        generations,
        agedGenerations,
        sealedBytesPerKey: Number((diskBytes / keys).toFixed(2)),
        filterBytesPerKey: Number((filter.bytes / windowKeys).toFixed(2)),
      };
    },
    close: () => store.close(),
  };
}

/** Laid out as in dist/, since the store looks there for the worker that seals. */
async function bundled(folder) {
  const lib = join(import.meta.dirname, '../../../src/lib');
  const options = { bundle: true, format: 'esm', platform: 'node', logLevel: 'error' };
  const worker = join(folder, 'dist/lib/dedupe/seal.worker.js');
  await build({ ...options, entryPoints: [join(lib, 'dedupe/seal.worker.ts')], outfile: worker });
  const contents =
    `export { openDedupeStore } from '${lib}/dedupe/dedupe-store.ts';` +
    `export { openDurableFs } from '${lib}/core/node-durable-fs.ts';`;
  const outfile = join(folder, 'store.js');
  await build({ ...options, stdin: { contents, resolveDir: lib, loader: 'ts' }, outfile });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return await import(outfile);
}

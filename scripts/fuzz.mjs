// `npm run fuzz [-- SECONDS [SEED]]`: the tests that feed random and mutated input, with one seed after another
// until the time is up or one fails. FUZZ_PATCHES says how many delta patches each seed tries.
import { join } from 'node:path';
import { prepareWorkspace, root, run } from './workspace.mjs';

const seconds = Number(process.argv[2] ?? 60);
const firstSeed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
const node = prepareWorkspace();
const endMs = Date.now() + seconds * 1000;

/** Mutated delta patches with each seed. */
const patches = Number(process.env.FUZZ_PATCHES ?? 10_000);
let seed = firstSeed;
for (; Date.now() < endMs; seed++) {
  console.log(`seed ${seed}: \`npm run fuzz -- 1 ${seed}\` repeats it`);
  // a machine that does other work beside is slow, and nothing else: endless loops are found by what they read
  const vitest = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    'default',
    '--reporter',
    'dot',
    '--testTimeout',
    '600000',
  ];
  run(node, [...vitest, 'fuzz', 'mutation', 'hostile'], {
    env: { ...process.env, FUZZ_SEED: String(seed), FUZZ_PATCHES: String(patches) },
  });
}
console.log(`no failure with ${seed - firstSeed} seeds, of each ${patches} mutated delta patches among others`);

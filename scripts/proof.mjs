// `npm run proof`: every fault that a real disk or a kill can be to the commands that change a device, at every one of their
// system calls; 500 kills of a replay of 10 million messages; then an hour of `npm run fuzz`. Needs strace.
import { join } from 'node:path';
import { prepareWorkspace, root, run } from './workspace.mjs';

const node = prepareWorkspace();
run(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'proof']);
run(node, [join(root, 'scripts/fuzz.mjs'), '3600']);

// `npm test [-- vitest arguments]`: every test that needs nothing but Node and npm, also on a fresh clone.
import { join } from 'node:path';
import { prepareWorkspace, root, run } from './workspace.mjs';

const node = prepareWorkspace();
run(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'default', ...process.argv.slice(2)]);

// `npm test [-- vitest arguments]`: every test that needs nothing but Node and npm, also on a fresh clone.
// With `--project service` the tests that need other tools instead.
import { join } from 'node:path';
import { prepareWorkspace, root, run } from './workspace.mjs';

const node = prepareWorkspace();
const given = process.argv.slice(2);
const project = given.includes('--project') ? [] : ['--project', 'default'];
run(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...project, ...given]);

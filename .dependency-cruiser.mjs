/** The import graph: each folder under src/lib and the folders it may import (values and types alike). */
const ARROWS = {
  core: [],
  net: ['core'],
  query: ['core'],
  trust: ['core'],
  delta: ['core'],
  package: ['core', 'net', 'trust', 'delta'],
  wire: ['core'],
  catalog: ['core', 'package'],
  server: [
    'core',
    'net',
    'query',
    'wire',
    'trust',
    'package',
    'catalog',
    'rollout',
    'campaign',
    'fleet-api',
    'telemetry',
    'dedupe',
  ],
  swarm: ['core', 'net', 'wire', 'trust', 'package', 'device', 'telemetry'],
  'fleet-api': ['core', 'net', 'query', 'wire'],
  rollout: ['core'],
  campaign: ['core', 'net', 'query', 'package', 'rollout', 'fleet-api'],
  attack: ['core', 'trust', 'delta', 'package'],
  device: ['core', 'net', 'trust', 'delta', 'package'],
  simulate: ['core', 'trust', 'delta', 'package', 'device'],
  telemetry: ['core', 'net'],
  dedupe: ['core'],
  pipeline: ['core', 'telemetry', 'dedupe'],
};

const lib = (folders) => `^src/lib/(${folders.join('|')})/`;

const arrows = Object.entries(ARROWS).map(([folder, allowed]) => ({
  name: `${folder}-arrows`,
  comment: `${folder}/ may import ${allowed.length > 0 ? allowed.join(', ') : 'nothing of ours'}`,
  severity: 'error',
  from: { path: lib([folder]) },
  to: { path: '^src/', pathNot: lib([folder, ...allowed]) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    {
      name: 'ui-arrows',
      comment: 'ui/ may import core; of other lib folders only types',
      severity: 'error',
      from: { path: lib(['ui']) },
      to: { path: '^src/', pathNot: lib(['ui', 'core']), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-commands-import-ui',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(commands|cli)/', lib(['ui'])] },
      to: { path: lib(['ui']) },
    },
    {
      name: 'commands-apart',
      comment: 'a command never imports another; what they share belongs into a lib folder',
      severity: 'error',
      from: { path: '^src/commands/' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'known-folder',
      comment: 'a new folder under src/lib needs its row in ARROWS',
      severity: 'error',
      from: {},
      to: { path: '^src/lib/', pathNot: lib([...Object.keys(ARROWS), 'ui']) },
    },
    {
      name: 'terminal-libraries-in-ui',
      comment: 'libraries that talk to a person stay in ui/ and the commands',
      severity: 'error',
      from: { path: '^src/lib/', pathNot: lib(['ui']) },
      to: { path: 'node_modules/(@oclif|ora|inquirer|@inquirer|cli-progress|cli-table3)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-test-in-source',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts|bench)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};

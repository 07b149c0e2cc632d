// `npm run simulate:long [-- SEED [CASE…]]`: `ota simulate` on devices of many kinds, until more than 100,000 states that
// a power cut leaves have been run to their end. Ends with the status of the first run that was not 0; then what is
// needed to repeat it stays where it says.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareWorkspace, root } from './workspace.mjs';

const seed = Number(process.argv[2] ?? 1);
const wanted = process.argv.slice(3);
const node = prepareWorkspace();
const { unzipSync } = await import('fflate');

const KIB = 1024;
const two = ['a', 'b'];
const flash = (eraseBlockBytes, writeAlignmentBytes, changes = {}) => ({
  eraseBlockBytes,
  writeAlignmentBytes,
  ...changes,
});
const app = (bytes, slots = two, slotBytes = 8 * KIB) => ({ app: { bytes, slots, slotBytes } });

const CASES = [
  { name: 'two slots, pairs', ...flash(KIB, 256), components: app(3000), cuts: 'pairs' },
  { name: 'three slots, pairs', ...flash(KIB, 256), components: app(2500, ['a', 'b', 'c']), cuts: 'pairs' },
  { name: 'one slot and staging, pairs', ...flash(KIB, 512), components: app(2000, ['a'], 4 * KIB), cuts: 'pairs' },
  { name: 'one attempt only, pairs', ...flash(KIB, 256, { bootAttempts: 1 }), components: app(2000), cuts: 'pairs' },
  { name: 'writes of single bytes', ...flash(256, 1), components: app(1500), cuts: 'single' },
  { name: 'writes of 8 bytes', ...flash(4 * KIB, 8), components: app(30_000, two, 48 * KIB), cuts: 'single' },
  {
    name: 'writes of whole blocks',
    ...flash(4 * KIB, 4 * KIB),
    components: app(60_000, two, 64 * KIB),
    cuts: 'single',
  },
  {
    name: 'erased to zero',
    ...flash(2 * KIB, 16, { erasedValue: 0 }),
    components: app(20_000, two, 32 * KIB),
    cuts: 'single',
  },
  {
    name: 'large erase blocks',
    ...flash(128 * KIB, 2 * KIB),
    components: app(300_000, two, 512 * KIB),
    cuts: 'single',
  },
  {
    name: 'two components, one needs the other',
    ...flash(KIB, 128),
    components: {
      app: { bytes: 5000, slots: two, slotBytes: 8 * KIB },
      modem: { bytes: 7000, slots: two, slotBytes: 8 * KIB },
    },
    dependsOn: [{ component: 'modem', range: '>=2.0.0' }],
    cuts: 'single',
  },
  {
    name: 'two slots beside one and staging',
    ...flash(KIB, 256),
    components: {
      app: { bytes: 3000, slots: two, slotBytes: 8 * KIB },
      modem: { bytes: 2500, slots: ['only'], slotBytes: 4 * KIB },
    },
    cuts: 'single',
  },
  {
    name: 'one slot and staging, large',
    ...flash(4 * KIB, 128),
    components: app(40_000, ['a'], 64 * KIB),
    cuts: 'single',
  },
  {
    name: 'three faults a life',
    ...flash(4 * KIB, 64),
    components: app(50_000, two, 64 * KIB),
    cuts: 'random:3',
    runs: 1000,
  },
  {
    name: 'six faults a life, staging',
    ...flash(4 * KIB, 64),
    components: app(30_000, ['a'], 32 * KIB),
    cuts: 'random:6',
    runs: 500,
  },
  { name: 'firmware of a hub', hub: true, cuts: 'single' },
  { name: 'firmware of a hub, four faults a life', hub: true, cuts: 'random:4', runs: 200 },
];

const folder = mkdtempSync(join(tmpdir(), 'ota-simulate-long-'));
run(['keys', 'generate', '--out', 'k']);
const totals = { faultPoints: 0, states: 0, pairs: 0, seconds: 0 };
const cases = CASES.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
for (const [index, one] of cases.entries()) {
  const command = prepare(one, `case-${index}`);
  process.stdout.write(`${one.name}: `);
  const { status, stdout } = run(command, [0, 20]);
  const report = JSON.parse(stdout);
  const { operations, faultPoints, states, pairs, worstBoots } = report.totals;
  console.log(
    `${count(operations)} operations, ${count(faultPoints)} faults (${count(pairs)} pairs), ${count(states)} states, ` +
      `at most ${worstBoots} boots, ${Math.round(report.elapsedSeconds)} s`,
  );
  for (const key of ['faultPoints', 'states', 'pairs']) totals[key] += report.totals[key];
  totals.seconds += report.elapsedSeconds;
  if (status !== 0) giveUp(report, command);
}
rmSync(folder, { recursive: true });
console.log(
  `\nseed ${seed}: ${count(totals.faultPoints)} faults, ${count(totals.pairs)} of them pairs, ${count(totals.states)} states that ` +
    `a fault left, 0 violations, in ${Math.round(totals.seconds)} s`,
);

/** Writes images, layout and package of a case. @returns how to simulate it */
function prepare({ name: _, hub, components, cuts, runs, dependsOn, ...layout }, name) {
  const file = (suffix) => `${name}.${suffix}`;
  const bases = [];
  const targets = [];
  if (hub) {
    for (const [release, suffix, list] of [
      ['v7.27', 'old', bases],
      ['v7.28', 'new', targets],
    ]) {
      const zip = unzipSync(readFileSync(join(root, `node_modules/pybricks-firmware-${release}/build/primehub.zip`)));
      writeFileSync(join(folder, file(suffix)), zip['firmware-base.bin']);
      list.push(file(suffix));
    }
  } else {
    for (const [component, { bytes }] of Object.entries(components)) {
      const [old, next] = images(`${name} ${component}`, bytes);
      for (const [suffix, image, list] of [
        [`${component}.old`, old, bases],
        [`${component}.new`, next, targets],
      ]) {
        writeFileSync(join(folder, file(suffix)), image);
        list.push(`${component}=${file(suffix)}`);
      }
    }
    const slots = Object.entries(components).map(([component, { slots, slotBytes }]) => [
      component,
      { slots, slotBytes },
    ]);
    const json = { spec: 'ota-fleet-layout/1', ...layout, components: Object.fromEntries(slots) };
    writeFileSync(join(folder, file('layout')), JSON.stringify(json));
  }
  writeFileSync(join(folder, file('metadata')), JSON.stringify(dependsOn === undefined ? {} : { dependsOn }));
  run([
    'pack',
    ...bases.flatMap((spec) => ['--from', spec]),
    ...targets.flatMap((spec) => ['--to', spec]),
    ...[
      '--full',
      '--product',
      'long',
      '--model',
      'any',
      '--version',
      '2.0.0',
      '--sequence',
      '2',
      '--security-counter',
      '1',
    ],
    ...['--metadata', file('metadata'), '--sign', 'k.key', '--out', file('ota')],
  ]);
  return [
    ...['simulate', file('ota'), '--key', 'k.pub', '--seed', String(seed), '--cuts', cuts],
    ...bases.flatMap((spec) => ['--base', spec]),
    ...(hub ? [] : ['--layout', file('layout')]),
    ...(runs === undefined ? [] : ['--runs', String(runs)]),
    '--json',
  ];
}

/** Two images of one size that have most in common, as two builds have. */
function images(label, bytes) {
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, (_, index) =>
    createHash('sha256').update(`${seed} ${label} ${index}`).digest(),
  );
  const old = Buffer.concat(blocks).subarray(0, bytes);
  const next = Buffer.from(old);
  for (let at = 0; at < bytes; at += 700) next[at] ^= 0xff;
  return [old, next];
}

function run(args, statuses = [0]) {
  const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 30 };
  const result = spawnSync(node, [join(root, 'bin/ota.js'), ...args], options);
  if (statuses.includes(result.status)) return result;
  console.error(`\nota ${args.join(' ')}\n${result.stdout.slice(0, 4000)}${result.stderr}in ${folder}`);
  return process.exit(result.status || 1);
}

function giveUp({ violations }, command) {
  for (const { invariant, message, scenario, trace, replay } of violations) {
    console.error(
      `\n✗ ${invariant}, with --boots ${scenario}\n  ${message}\n  ${trace.join('\n  ')}\n  --replay ${replay}`,
    );
  }
  console.error(`\nin ${folder}:\n${join(root, 'bin/ota.js')} ${command.join(' ')}`);
  process.exit(20);
}

function count(value) {
  return value.toLocaleString('en-US');
}

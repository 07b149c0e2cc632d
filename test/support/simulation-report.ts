import type { OperationReport, ScenarioReport, SimulationReport, Violation } from '../../src/lib/simulate/report.js';

/** A report as a run on a device with two slots gives it; `blocks` makes its lives longer. */
export function sampleReport({
  blocks = 24,
  violations = [],
  ...changes
}: Partial<SimulationReport> & { blocks?: number } = {}): SimulationReport {
  const scenarios = ['good', 'bad:3', 'hang'].map((boots) => sampleScenario(boots, blocks));
  const sum = (key: 'faultPoints' | 'states' | 'merged' | 'pairs') =>
    scenarios.reduce((total, scenario) => total + scenario[key], 0);
  return {
    package: { name: 'meter-2.0.0.ota', digest: 'ab'.repeat(32), version: '2.0.0' },
    base: { version: '1.9.3' },
    layout: {
      eraseBlockBytes: 4096,
      writeAlignmentBytes: 8,
      components: { app: { slots: ['a', 'b'], slotBytes: 524_288 } },
    },
    cuts: 'single',
    seed: 1,
    complete: true,
    scenarios,
    totals: {
      operations: scenarios.reduce((total, { operations }) => total + operations.length, 0),
      faultPoints: sum('faultPoints'),
      states: sum('states'),
      merged: sum('merged'),
      pairs: sum('pairs'),
      worstBoots: 7,
      rewrittenBytes: 8192,
      refetchedBytes: 262_144,
      violations: violations.length,
    },
    violations,
    elapsedSeconds: 12.5,
    faultPointsPerSecond: sum('faultPoints') / 12.5,
    ...changes,
  };
}

export function sampleViolation(changes: Partial<Violation> = {}): Violation {
  return {
    invariant: 'boots-whole-image',
    message: 'after the second boot no slot holds a whole image, expected the old or the new one',
    scenario: 'good',
    trace: [
      'install: power lost during write app.b.image, 4 KiB at 0x3000, after 128 bytes',
      'boot: app.b.image does not have the signed hash, boots app.a.image',
    ],
    replay: 'sim1-good-17-torn-128',
    ...changes,
  };
}

function sampleScenario(boots: string, blocks: number): ScenarioReport {
  const operations: OperationReport[] = [];
  let hasNew = false;
  const add = (step: string, kind: OperationReport['kind'], file: string, faultPoints: number, at?: number[]) => {
    const [position, length] = at ?? [];
    operations.push({
      index: operations.length,
      step,
      kind,
      file,
      ...(position === undefined ? {} : { position }),
      ...(length === undefined ? {} : { length }),
      faultPoints,
      bootedOld: hasNew ? 0 : faultPoints,
      bootedNew: hasNew ? faultPoints : 0,
      violations: 0,
    });
  };
  const commit = (step: string, copy: number) => {
    add(step, 'erase', `boot-control.${copy}`, 6, [0, 16_384]);
    add(step, 'write', `boot-control.${copy}`, 130, [0, 16_384]);
    add(step, 'sync', `boot-control.${copy}`, 4);
  };
  const whole = (step: string, file: string) => {
    add(step, 'write', `${file}.new`, 12, [0, 900]);
    add(step, 'sync', `${file}.new`, 3);
    add(step, 'rename', `${file}.new`, 2);
    add(step, 'syncDirectory', '', 2);
  };
  add('install', 'write', 'download.part', 40, [0, 65_536]);
  add('install', 'sync', 'download.part', 3);
  whole('install', 'download.json');
  commit('install', 1);
  for (let block = 0; block < blocks; block++) {
    add('install', 'erase', 'app.b.image', 4, [block * 4096, 4096]);
    add('install', 'write', 'app.b.image', 1026, [block * 4096, 4096]);
  }
  add('install', 'sync', 'app.b.image', 9);
  whole('install', 'app.b.metadata.json');
  commit('install', 0);
  hasNew = true;
  for (let attempt = 0; attempt < (boots === 'good' ? 1 : 3); attempt++) commit('boot', 1 - (attempt % 2));
  if (boots === 'good') commit('confirm', 1);
  const faultPoints = operations.reduce((total, operation) => total + operation.faultPoints, 0);
  return { boots, operations, faultPoints, states: faultPoints - 700, merged: 700, pairs: 0, worstBoots: 5 };
}

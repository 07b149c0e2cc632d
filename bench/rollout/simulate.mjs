// `ota rollout simulate` of a million devices by the recommended plan: time and peak memory of whole processes.
// Usage: node bench/rollout/simulate.mjs [DEVICES] [RUNS]
// Needs Debian's package time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { summary, timed } from '../timed.mjs';
import { recommendedPlan } from './recommended-plan.mjs';

const devices = Number(process.argv[2] ?? 1_000_000);
const runs = Number(process.argv[3] ?? 3);
const ota = join(import.meta.dirname, '../../bin/ota.js');
const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
try {
  const plan = join(work, 'plan.json');
  writeFileSync(plan, JSON.stringify(await recommendedPlan(10_000, work)));
  console.log('| build | ends | devices that had it | wall s | CPU s | peak MiB |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const failureRate of ['0%', '1%', '5%']) {
    for (const extra of [[], ['--compare', 'hawkbit']]) {
      const words = [
        'rollout',
        'simulate',
        plan,
        '--devices',
        String(devices),
        '--failure-rate',
        failureRate,
        ...extra,
      ];
      const samples = Array.from({ length: runs }, () => timed([process.execPath, ota, ...words, '--json']));
      const { campaign } = JSON.parse(samples[0].stdout);
      const { wallMs, cpuMs, peakMiB } = summary(samples);
      const build = `fails on ${failureRate}${extra.length > 0 ? ', and by hawkBit' : ''}`;
      const cells = [build, campaign.first.end, campaign.first.count.reached.toLocaleString('en-US')];
      console.log(
        `| ${[...cells, (wallMs / 1000).toFixed(1), (cpuMs / 1000).toFixed(1), Math.round(peakMiB)].join(' | ')} |`,
      );
    }
  }
} finally {
  rmSync(work, { recursive: true });
}

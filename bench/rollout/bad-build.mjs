// How far a bad build comes: by the recommended plan, and by hawkBit's default thresholds on the same fleets. And how often
// a good one is stopped, which is what that costs.
// Usage: node bench/rollout/bad-build.mjs [SEEDS] [DEVICES…]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recommendedPlan } from './recommended-plan.mjs';

const seeds = Number(process.argv[2] ?? 1000);
const sizes = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [10_000, 100_000];
const BUILDS = { '5%': seeds, '0.1%': Math.ceil(seeds / 5), '0.5%': Math.ceil(seeds / 5), '1%': Math.ceil(seeds / 5) };
const ota = join(import.meta.dirname, '../../bin/ota.js');
const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
try {
  console.log(
    '| devices | fails on | seeds | | had it: median | p95 | most | stopped | in the pilot | harmed: median |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const devices of sizes) {
    const plan = join(work, `${devices}.json`);
    writeFileSync(plan, JSON.stringify(await recommendedPlan(devices, work)));
    for (const [failureRate, count] of Object.entries(BUILDS)) {
      const words = ['--failure-rate', failureRate, '--seeds', String(count), '--compare', 'hawkbit', '--json'];
      const json = execFileSync(process.execPath, [ota, 'rollout', 'simulate', plan, ...words], {
        maxBuffer: 64 * 1024 ** 2,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const { campaign, hawkbit } = JSON.parse(json);
      row([devices, failureRate, count, 'recommended plan'], campaign);
      row([devices, failureRate, count, 'hawkBit 50/50'], hawkbit);
    }
  }
} finally {
  rmSync(work, { recursive: true });
}

function row(head, { campaigns, ends, stoppedIn, reached, harmed }) {
  const share = (count) => `${((100 * count) / campaigns).toFixed(1)} %`;
  const numbers = [reached.median, reached.p95, reached.most].map((number) => number.toLocaleString('en-US'));
  const cells = [...head, ...numbers, share(campaigns - ends.finished), share(stoppedIn[0]), harmed.median];
  console.log(`| ${cells.join(' | ')} |`);
}

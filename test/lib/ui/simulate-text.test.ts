import { expect, test } from 'vitest';
import { verdictText } from '../../../src/lib/simulate/report-words.js';
import { simulateText } from '../../../src/lib/ui/simulate-text.js';
import { sampleReport, sampleViolation } from '../../support/simulation-report.js';

const repeat = 'ota simulate x.ota --replay';

test('the verdict stands in the first line, the figures of each life below', async () => {
  const report = sampleReport();
  const lines = (await simulateText(report, { verdict: verdictText(report), repeat })).split('\n');
  expect(lines[0]).toBe('meter-2.0.0.ota: survives, 76,390 faults and no broken invariant');
  expect(lines).toContain('release  1.9.3 to 2.0.0');
  expect(lines).toContain('worst    7 boots until stable, 8 KiB written again, 256 KiB fetched again');
  expect(lines).toContain('good   71          25,370  0      24,670  700     5');
  expect(lines).toContain('all    219         76,390  0      74,290  2,100   7');
});

test('says why a life had no rollback', async () => {
  const report = sampleReport();
  const [good, ...others] = report.scenarios;
  const scenarios = [{ ...good!, noRollback: 'nothing to go back to\u202e' }, ...others];
  const text = await simulateText({ ...report, scenarios }, { verdict: verdictText(report), repeat });
  expect(text.split('\n').at(-1)).toBe('good: without a rollback by wish: nothing to go back to\\u{202e}');
});

test('a violation says what broke, the way to it, and what to type to see it', async () => {
  const report = sampleReport({ violations: [sampleViolation({ trace: ['install: \u001b[2Jcut'] })] });
  const text = await simulateText(report, { verdict: verdictText(report), repeat });
  expect(text.split('\n')[0]).toBe('meter-2.0.0.ota: fails, 1 of 76,390 faults broke an invariant: boots-whole-image');
  expect(text.split('\n').slice(-4)).toEqual([
    '✗ boots-whole-image, with --boots good',
    '    after the second boot no slot holds a whole image, expected the old or the new one',
    '    1. install: \\u{1b}[2Jcut',
    '    → ota simulate x.ota --replay sim1-good-17-torn-128',
  ]);
});

test('what an interrupted run covered is no verdict', async () => {
  const report = sampleReport({ complete: false });
  const text = await simulateText(report, { verdict: verdictText(report), repeat });
  expect(text.split('\n')[0]).toBe(
    'meter-2.0.0.ota: not finished, 76,390 faults until it was interrupted and no broken invariant',
  );
});

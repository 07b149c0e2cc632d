import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { runCli } from '../../support/cli.js';
import { message, telemetryFolder } from './telemetry-fixture.js';

const TEN_YEARS_MS = 10 * 365.25 * 86_400_000;
const LIVES = 4;
const LINES_A_LIFE = 3000;

/** Loaded before everything else, and in every thread: the wall clock is off by the next of `offsetsMs` each time it is read. */
const clockOf = (offsetsMs: readonly number[]) => `
  const offsets = ${JSON.stringify(offsetsMs)};
  const System = Date;
  let reads = 0;
  const now = () => System.now() + offsets[reads++ % offsets.length];
  globalThis.Date = class Date extends System {
    constructor(...parts) {
      if (parts.length === 0) super(now());
      else super(...parts);
    }
    static now() {
      return now();
    }
  };
`;

/** Ids that repeat within the window, and recorded times that jump as well. */
function recording(): string[] {
  return Array.from({ length: LIVES * LINES_A_LIFE }, (_, line) => {
    const id = line % 7 === 3 ? Math.max(0, line - 1 - ((line * 7919) % 1500)) : line;
    const jumpMs = [0, TEN_YEARS_MS, -TEN_YEARS_MS][Math.trunc(line / 500) % 3]!;
    return message(`m${id}`, { timestamp: 1.8e12 + line * 1000 + jumpMs });
  });
}

test('a wall clock that jumps by ten years, between runs and within, changes nothing', async () => {
  await using folder = await telemetryFolder();
  const clocks = [[TEN_YEARS_MS], [-TEN_YEARS_MS], [0, TEN_YEARS_MS, -TEN_YEARS_MS], [0]];
  const lines = recording();
  for (const [life, offsetsMs] of clocks.entries()) {
    await folder.write('in.ndjson', lines.slice(0, (life + 1) * LINES_A_LIFE));
    await writeFile(folder.file('clock.mjs'), clockOf(offsetsMs));
    const { status, stdout } = await runCli(
      'fleet',
      ['replay', 'in.ndjson', '--to', 'out.ndjson', '--store', 'seen', '--window-keys', '2000', '--json'],
      { cwd: folder.path, node: [process.execPath, '--import', './clock.mjs'] },
    );
    expect(status).toBe(0);
    const years = stdout.match(/(?<="time":")\d+/g)!.map(Number);
    const expected = offsetsMs.map((offsetMs) => new Date(Date.now() + offsetMs).getUTCFullYear());
    expect(years.some((year) => expected.includes(year))).toBe(true); // the clock did jump
  }
  const idOf = (line: string) => JSON.parse(line).messageId as string;
  expect(await folder.ids('out.ndjson')).toEqual([...new Set(lines.map(idOf))]);
  const { agedGenerations } = await folder.json(0, 'dedupe', 'stats', 'seen');
  expect(agedGenerations).toBeGreaterThan(0);
});

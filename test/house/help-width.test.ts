import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** A terminal of the oldest width; summaries are printed as they are, the rest of `--help` is wrapped. */
const COLUMNS = 80;

test('the help of every command fits a terminal', () => {
  const reference = readFileSync(join(import.meta.dirname, '../../docs/commands.md'), 'utf8');
  const sections = reference.split(/^### /m).slice(1);
  expect(sections.length).toBeGreaterThan(40);
  const wide = sections.flatMap((section) => {
    const [name, , summary] = section.split('\n');
    const help = section.split('```')[1] ?? '';
    return [summary, ...help.split('\n')]
      .filter((line = '') => line.length > COLUMNS)
      .map((line) => `${name}: ${line}`);
  });
  expect(wide).toEqual([]);
});

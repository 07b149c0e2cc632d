import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FRIENDLY_KEYED, FRIENDLY_NAMES, parseWhere } from '../../../src/lib/query/friendly-filter.js';
import { parsePredicate } from '../../../src/lib/query/parse-predicate.js';
import { bound } from './device-filters.js';

const text = readFileSync(new URL('../../../docs/filters.md', import.meta.url), 'utf8');
const shell = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block!).join('');
const fiql = text
  .slice(text.indexOf('## FIQL'))
  .match(/```\n(.*?)```/s)![1]!
  .trim()
  .split('\n');

/** What is given to an option in the examples, without the shell's quotes. */
function argumentsOf(option: string): string[] {
  return [...shell.matchAll(new RegExp(`${option} (?:'([^']*)'|(\\S+))`, 'g'))].map(
    ([, quoted, bare]) => quoted ?? bare!,
  );
}

describe('docs/filters.md', () => {
  test('has FIQL that devices can be asked', () => {
    expect(fiql).toHaveLength(6);
    for (const line of fiql) expect(bound(line)).toHaveProperty('kind');
  });

  test('has --where and --until that can be read', () => {
    expect(argumentsOf('--where')).toHaveLength(8);
    for (const where of argumentsOf('--where')) expect(parseWhere(where)).toHaveProperty('kind');
    expect(argumentsOf('--until')).toHaveLength(4);
    for (const until of argumentsOf('--until')) expect(parsePredicate(until).claims).not.toHaveLength(0);
  });

  test('names every friendly name, and the field it stands for', () => {
    const names = [
      ...Object.entries(FRIENDLY_NAMES),
      ...Object.entries(FRIENDLY_KEYED).map((pair) => pair.map((name) => `${name}.KEY`)),
    ];
    const table = text.slice(0, text.indexOf('## FIQL'));
    for (const [name, field] of names) {
      const row = table.split('\n').find((line) => line.split('|')[1]?.includes(`\`${name}\``));
      expect(row, name).toContain(`\`${field}\``);
    }
  });
});

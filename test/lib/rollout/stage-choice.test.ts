import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { nameOfChoice, parseStages } from '../../../src/lib/rollout/stage-choice.js';

function refusal(text: string): OtaError {
  try {
    parseStages(text);
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe('stages as they are typed', () => {
  test('shares, numbers, groups, filters and files', () => {
    expect(parseStages('10, group:lab 2,where:tag=in=(a,b),@early.txt,0.5%,100 %')).toEqual([
      { kind: 'count', devices: 10 },
      { kind: 'group', group: 'lab 2' },
      { kind: 'where', filter: 'tag=in=(a,b)' },
      { kind: 'file', path: 'early.txt' },
      { kind: 'percent', upTo: 0.5 },
      { kind: 'percent', upTo: 100 },
    ]);
    expect(parseStages('where:group=="a,b",100%')[0]).toEqual({ kind: 'where', filter: 'group=="a,b"' });
  });

  test('are called what was typed', () => {
    const text = '10,group:lab,where:tag==a,@early.txt,5%';
    expect(parseStages(text).map(nameOfChoice).join()).toBe(text);
  });

  test.each([
    ['', '--stages: a stage is empty, expected a share, a number, group:NAME, where:FILTER or @FILE'],
    ['5%,,100%', '--stages: a stage is empty, expected a share, a number, group:NAME, where:FILTER or @FILE'],
    ['half', '--stages: "half" is no stage, expected a share, a number, group:NAME, where:FILTER or @FILE'],
    ['0%', '--stages: a share is above 0 and at most 100 %, not 0 %'],
    ['101%', '--stages: a share is above 0 and at most 100 %, not 101 %'],
    ['0', '--stages: a stage has 1 to 1000000 devices, not 0'],
    ['20%,5%', '--stages: 5 % comes after 20 %; each share is of all devices, with those of the stages before'],
  ])('%j is refused', (text, message) => {
    expect(refusal(text)).toMatchObject({ code: 'USAGE', message });
  });

  test('too many are refused', () => {
    expect(refusal(Array(101).fill('1').join())).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

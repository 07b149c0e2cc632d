import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { parseDeviceChoice } from '../../../src/lib/query/device-choice.js';
import { formatFiql } from '../../../src/lib/query/format-fiql.js';

describe('which devices are meant', () => {
  test.each([
    ['all', undefined],
    ['group:lab 2', 'group=="lab 2"'],
    ['group:a*', 'group==a\\*'],
    ['model=x', 'controllerAttributes.model==x'],
    ['version<2.1', 'installedVersion=lt=2.1'],
    ['tag==canary', 'tag==canary'],
    // What FIQL and --where read differently is FIQL.
    ['group==lab;tag==x', 'group==lab;tag==x'],
    ['controllerAttributes.model=in=(a,b),group==lab', 'controllerAttributes.model=in=(a,b),group==lab'],
  ])('%s', (text, fiql) => {
    const filter = parseDeviceChoice(text);
    expect(filter && formatFiql(filter)).toBe(fiql);
  });

  test.each([
    ['modl=x', '--where: devices have no "modl"'],
    ['modl==x;group==lab', 'a device has no field "modl"'],
    ['', 'expected a name, such as model'],
  ])('%j is refused', (text, message) => {
    let refusal: unknown;
    try {
      parseDeviceChoice(text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(OtaError);
    expect(refusal).toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
  });
});

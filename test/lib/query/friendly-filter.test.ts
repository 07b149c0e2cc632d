import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { compare, present } from '../../../src/lib/query/filter.js';
import { formatFiql } from '../../../src/lib/query/format-fiql.js';
import { parseWhere } from '../../../src/lib/query/friendly-filter.js';
import { toHawkbitFilter } from '../../../src/lib/query/hawkbit-filter.js';
import { parseFiql } from '../../../src/lib/query/parse-fiql.js';

function refusal(action: () => unknown): OtaError {
  try {
    action();
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('--where says in few words what FIQL says', () => {
  test.each([
    ['model=hub', 'controllerAttributes.model==hub'],
    ['model = big hub ', 'controllerAttributes.model=="big hub"'],
    ['model=x,y', 'controllerAttributes.model=in=(x,y)'],
    ['model=x*, y', 'controllerAttributes.model==x*,controllerAttributes.model==y'],
    ['model!=x,y', 'controllerAttributes.model=out=(x,y)'],
    ['tag!=x*,y', 'tags.name!=x*;tags.name!=y'],
    ['name="a, b"', 'name=="a, b"'],
    ['version<2.1', 'installedVersion=lt=2.1'],
    ['version>=2.1.0-rc.1', 'installedVersion=ge=2.1.0-rc.1'],
    ['tag=canary', 'tags.name==canary'],
    ['tag=', 'tags.name==""'],
    ['status=in_sync', 'updateStatus==in_sync'],
    ['Attribute.hw.rev=B', 'controllerAttributes.hw.rev==B'],
    ['metadata.site!=lab', 'metadata.site!=lab'],
    ['seen<10m', 'lastSeenAgo=lt=10m'],
    ['seen=never', 'lastTargetQuery=is=null'],
    ['online', 'online==true'],
    ['offline', 'online==false'],
    ['online=false', 'online==false'],
  ])('%s', (where, fiql) => {
    expect(formatFiql(parseWhere(where))).toBe(fiql);
  });

  test.each([
    ['modle=x', '--where: devices have no "modle"', 'Did you mean model?'],
    ['meta.site=x', '--where: devices have no "meta.site"', undefined],
    ['metdata.site=x', '--where: devices have no "metdata.site"', 'Did you mean metadata.site?'],
    ['constructor=x', '--where: devices have no "constructor"', undefined],
    ['model', '--where, column 6: expected = != < <= > or >=, found the end', undefined],
    ['=x', '--where, column 1: expected a name, such as model, found "="', undefined],
    ['model=x,', '--where, column 9: expected a value, found the end', undefined],
    ['model="x" y', '--where, column 11: expected "," or the end, found "y"', undefined],
    ['version<2.1,2.2', '--where: < <= > >= take one value, not 2', undefined],
    ['version<new', 'installedVersion is ordered by version, and "new" is no version such as 2.1.0', undefined],
    ['status=fine', 'updateStatus is one of UNKNOWN, IN_SYNC, PENDING, ERROR, REGISTERED, not "fine"', undefined],
    ['seen<soon', '"soon" is no duration', 'Write a number with ms, s, min, h or d, such as 250ms or 5s.'],
  ])('%s is refused', (where, message, suggestion) => {
    const error = refusal(() => parseWhere(where));
    expect(error).toMatchObject({ code: 'USAGE', message });
    if (suggestion !== undefined) expect(error.suggestions[0]).toBe(suggestion);
  });
});

describe('a filter for a real hawkBit', () => {
  const nowMs = 1_700_000_000_000;

  test('says in its fields what it can say', () => {
    const filter = parseFiql('installedVersion==2.*;(lastSeenAgo=lt=10m,assignedVersion=in=(1,2));group=not=null');
    expect(formatFiql(toHawkbitFilter(filter, nowMs))).toBe(
      'installedDistributionSet.version==2.*;(lastTargetQuery=gt=1699999400000,assignedDistributionSet.version=in=(1,2));group=not=null',
    );
    expect(toHawkbitFilter(present('lastSeenAgo', false), nowMs)).toEqual(present('lastTargetQuery', false));
  });

  test('is refused where it cannot', () => {
    expect(refusal(() => toHawkbitFilter(parseWhere('version<2.1'), nowMs)).message).toMatch(
      'compares versions as text',
    );
    expect(refusal(() => toHawkbitFilter(parseWhere('offline'), nowMs)).message).toMatch('whether a device is online');
    expect(refusal(() => toHawkbitFilter(compare('nmae', '==', 'x'), nowMs)).message).toMatch('no field "nmae"');
  });
});

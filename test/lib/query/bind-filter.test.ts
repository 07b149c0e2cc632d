import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { bound } from './device-filters.js';

function refusal(query: string): OtaError {
  try {
    bound(query);
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error(`${query} was accepted`);
}

describe('a filter that devices cannot answer is refused', () => {
  test.each([
    ['updateStats==error', 'a device has no field "updateStats"'],
    ['__proto__==x', 'a device has no field "__proto__"'],
    ['constructor.name==x', 'a device has no field "constructor.name"'],
    ['name.first==x', 'a device has no field "name.first"'],
    ['attribute==x', 'controllerAttributes needs a key: controllerAttributes.KEY'],
    ['attribute.==x', 'a device has no field "attribute."'],
    ['updateStatus==noExist*', 'updateStatus is one of UNKNOWN, IN_SYNC, PENDING, ERROR, REGISTERED, not "noExist*"'],
    ['updateStatus=gt=error', 'updateStatus has no order: it is compared with ==, !=, =in= and =out='],
    ['online==yes', 'online is true or false, not "yes"'],
    ['lastTargetQuery=gt=yesterday', 'lastTargetQuery is a number, and "yesterday" is none'],
    ['lastTargetQuery==*', 'lastTargetQuery is a number, and "*" is none'],
    [
      'installedVersion=lt=nightly',
      'installedVersion is ordered by version, and "nightly" is no version such as 2.1.0',
    ],
    ['lastSeenAgo==10m', 'lastSeenAgo is compared with =lt=, =le=, =gt= and =ge=, not with =='],
    ['lastSeenAgo=lt=soon', '"soon" is no duration'],
  ])('%s', (query, message) => {
    expect(refusal(query)).toMatchObject({ code: 'USAGE', message });
  });

  test('with the field that was probably meant', () => {
    expect(refusal('updateStats==error').suggestions[0]).toBe('Did you mean updateStatus?');
    expect(refusal('metdata.site==x').suggestions[0]).toBe('Did you mean metadata.site?');
    expect(refusal('qqqqqqqqqqqq==x').suggestions[0]).toMatch(/^The fields are controllerId, .*metadata\.KEY/);
  });
});

test('fields are found in any case and by their other names; keys keep their case', () => {
  expect(bound('IPADDRESS==x')).toMatchObject({ field: { path: 'address', key: undefined } });
  expect(bound('Attribute.fooBar.baz==x')).toMatchObject({
    field: { path: 'controllerAttributes.fooBar.baz', name: 'controllerAttributes', key: 'fooBar.baz' },
  });
});

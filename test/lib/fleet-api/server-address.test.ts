import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDriverAddress } from '../../../src/lib/fleet-api/server-address.js';

describe('the address of a server, with what speaks there', () => {
  test.each([
    ['https://fleet.example.com/', { driver: 'fleet', server: 'https://fleet.example.com' }],
    ['fleet+https://fleet.example.com:8443', { driver: 'fleet', server: 'https://fleet.example.com:8443' }],
    ['hawkbit+https://example.com/hawkbit/', { driver: 'hawkbit', server: 'https://example.com/hawkbit' }],
    ['HAWKBIT+HTTP://127.0.0.1:18080', { driver: 'hawkbit', server: 'http://127.0.0.1:18080' }],
  ])('%s is read', (text, parsed) => {
    expect(parseDriverAddress(text)).toEqual(parsed);
  });

  test.each([
    ['another kind', 'mender+https://example.com', 'USAGE'],
    ['two kinds', 'fleet+hawkbit+https://example.com', 'USAGE'],
    ['a kind alone', 'hawkbit+', 'USAGE'],
    ['a file', 'hawkbit+file:///etc/passwd', 'USAGE'],
    ['a secret', 'hawkbit+https://ann:hunter2@example.com', 'SECRET_IN_ARGV'],
    ['a query', 'hawkbit+https://example.com?x=1', 'USAGE'],
    ['clear text to another machine', 'hawkbit+http://example.com', 'CONFIG_INVALID'],
  ])('with %s is refused', (_, text, code) => {
    expect(() => parseDriverAddress(text)).toThrow(expect.objectContaining({ code }));
  });

  test('whatever is typed gives an address without a secret, or a refusal that does not repeat one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', 'fleet+', 'hawkbit+', 'x+'),
        fc.constantFrom('https://example.com', 'http://[::1]:8080', 'https://127.0.0.1/fleet'),
        fc.base64String(),
        (kind, host, secret) => {
          const text = `${kind}https://user:S${secret}!@${host}`;
          expect(() => parseDriverAddress(text)).toThrow(
            expect.objectContaining({ message: expect.not.stringContaining(`S${secret}!`) }),
          );
        },
      ),
    );
  });
});

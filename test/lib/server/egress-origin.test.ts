import { expect, test } from 'vitest';
import { parseEgressOrigin } from '../../../src/lib/server/egress-origin.js';

test.each([
  ['https://metrics.example', 'https://metrics.example'],
  ['https://metrics.example:443/', 'https://metrics.example'],
  ['http://[::1]:9090', 'http://[::1]:9090'],
  ['https://METRICS.example:9090', 'https://metrics.example:9090'],
])('%s is an origin', (text, origin) => {
  expect(parseEgressOrigin(text)).toBe(origin);
});

test.each([
  'metrics.example',
  'https://metrics.example/q',
  'https://a:b@metrics.example',
  'ftp://metrics.example',
  '*',
  '',
])('"%s" is none', (text) => {
  expect(() => parseEgressOrigin(text)).toThrow(/is no origin/);
});

import { isIPv6 } from 'node:net';
import type { Clock } from '../../core/clock.js';
import { openRateLimiter, type Rate, type RateLimiter } from './rate-limiter.js';

/**
 * How much each process of a server takes from one caller. Devices count by their names: thousands of them may be behind
 * one address.
 */
export const DEFAULT_RATES = {
  /** Requests of an operator or a token. */
  operator: { burst: 2_000, perSecond: 500 },
  /** Requests of a device, or of a gateway in the name of one. */
  device: { burst: 200, perSecond: 10 },
  /** Requests of a gateway in all. */
  gateway: { burst: 20_000, perSecond: 5_000 },
  /** Requests from one address that need no credentials, or have wrong ones. */
  stranger: { burst: 500, perSecond: 50 },
  /** Wrong passwords for one name, whether there is such an operator or not: 20, then one in 45 seconds. */
  loginName: { burst: 20, perSecond: 1 / 45 },
  /** Wrong passwords from one address. */
  loginAddress: { burst: 100, perSecond: 1 / 9 },
} as const satisfies Record<string, Rate>;

export type RateName = keyof typeof DEFAULT_RATES;
export type Rates = Readonly<Record<RateName, Rate>>;
export type RateLimits = Readonly<Record<RateName, RateLimiter>>;

export function openRateLimits(rates: Partial<Rates> | undefined, clock: Clock): RateLimits {
  const limits = Object.entries({ ...DEFAULT_RATES, ...rates }).map(([name, rate]) => [
    name,
    openRateLimiter(rate, clock),
  ]);
  return Object.fromEntries(limits) as RateLimits;
}

/** What a caller cannot change at will: the address, of IPv6 the network that a household or machine is given. */
export function addressKey(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  return [...groups, ...Array<string>(missing).fill('0')].slice(0, 4).join(':');
}

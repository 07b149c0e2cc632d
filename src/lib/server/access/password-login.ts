import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import type { Database } from '../database/database.js';
import { hashOfNothing, hashPassword, isPassword } from './password.js';
import { type Gate, openGate } from './password-gate.js';
import { addressKey, type RateLimits } from './rates.js';
import { tooMany } from './too-many.js';
import { unauthenticated } from './unauthenticated.js';

/** How long a password that was right is not computed again: clients that send it with every request would wait. */
const REMEMBERED_MS = 5 * 60_000;
const MAX_REMEMBERED = 10_000;

export interface Login {
  readonly tenant: string;
  readonly name: string;
  readonly password: string;
  /** Of the client. */
  readonly address: string;
}

/** Checks names and passwords of operators. */
export interface PasswordLogin {
  /**
   * An unknown name takes as long as a wrong password, and is told the same.
   *
   * @returns the operator's id
   * @throws ServerFailure 401; 429 after too many wrong ones for the name or from the address
   */
  check(login: Login): Promise<number>;
  hash(password: string): Promise<string>;
}

interface Options {
  readonly database: Database;
  readonly clock: Clock;
  /** scrypt's N. */
  readonly cost: number;
  readonly limits: RateLimits;
}

export function openPasswordLogin({ database, clock, cost, limits }: Options): PasswordLogin {
  const gate: Gate = openGate();
  const remembered = new RightPasswords(clock);
  const decoy = hashOfNothing(cost);
  return {
    hash: (password) => gate.run(() => hashPassword(password, cost)),
    async check({ tenant, name, password, address }) {
      const operator = await database.sql
        .selectFrom('operator')
        .innerJoin('tenant', 'tenant.id', 'operator.tenant_id')
        .select(['operator.id', 'password_hash', 'disabled_at'])
        .where('tenant.name', '=', tenant)
        .where('operator.name', '=', name)
        .executeTakeFirst();
      const isActive = operator !== undefined && operator.disabled_at === null;
      if (isActive && remembered.has(password, operator.password_hash)) return operator.id;
      const taken = takeAll([
        [limits.loginAddress, addressKey(address)],
        [limits.loginName, `${tenant}\\${name}`],
      ]);
      const isRight = await gate.run(() => isPassword(password, operator?.password_hash ?? decoy));
      if (!isActive || !isRight) throw unauthenticated();
      for (const [limiter, key] of taken) limiter.giveBack(key);
      remembered.add(password, operator.password_hash);
      return operator.id;
    },
  };
}

type Counted = readonly [limiter: RateLimits['loginName'], key: string];

/** Counts before the password is known to be wrong: many at once must not slip by. */
function takeAll(all: readonly Counted[]): readonly Counted[] {
  for (const [index, [limiter, key]] of all.entries()) {
    const waitMs = limiter.take(key);
    if (waitMs === 0) continue;
    for (const [earlier, earlierKey] of all.slice(0, index)) earlier.giveBack(earlierKey);
    throw tooMany('wrong passwords', waitMs);
  }
  return all;
}

/**
 * Passwords that were right, each as a MAC, under a key of this process, over the password and the hash it is right for:
 * a changed password is a changed hash, and so forgets the old one.
 */
class RightPasswords {
  readonly #key = randomBytes(32);
  readonly #clock: Clock;
  readonly #knownAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(password: string, hash: string): boolean {
    const mac = this.#mac(password, hash);
    const age = this.#clock.now().getTime() - (this.#knownAt.get(mac) ?? Number.NEGATIVE_INFINITY);
    if (age >= 0 && age < REMEMBERED_MS) return true;
    this.#knownAt.delete(mac);
    return false;
  }

  add(password: string, hash: string): void {
    if (this.#knownAt.size >= MAX_REMEMBERED) this.#knownAt.clear();
    this.#knownAt.set(this.#mac(password, hash), this.#clock.now().getTime());
  }

  #mac(password: string, hash: string): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([password, hash]))
      .digest('base64');
  }
}

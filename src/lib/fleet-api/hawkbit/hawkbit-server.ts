import { OtaError } from '../../core/errors.js';
import type { Pacing } from '../../net/pacing.js';
import type { FleetClient } from '../fleet-client.js';

/** A server that speaks hawkBit's Management API, and what was found out about it. */
export interface HawkbitServer {
  readonly client: FleetClient;
  readonly pacing: Pacing;
  readonly words: ActionWords;
  /** How it is told which devices have a tag, as far as it has not refused that; see `tags`. */
  readonly tagging: { way: number };
  /**
   * An action's `lastModifiedAt` moves with everything its device reports. In hawkBit it does so only where the status
   * becomes another one: a device that goes on saying `proceeding` looks silent there.
   */
  readonly tellsEachReport: boolean;
}

/** How filters of actions say something. */
interface Dialect {
  readonly active: string;
  readonly status: (word: ActionWord) => string;
}

export type ActionWord = 'ERROR' | 'CANCELED' | 'FINISHED';

const SINCE_0_10: Dialect = { active: 'active==true', status: (word) => `status==${word}` };
/** Before, `status` told whether an action is active. */
const BEFORE_0_10: Dialect = { active: 'status==pending', status: (word) => `detailstatus==${word}` };

/** Finds out which words a server understands, by the first filter that it refuses. */
export class ActionWords {
  #dialect = SINCE_0_10;

  /** @param ask fails with USAGE where the server does not understand the filter */
  async asked<T>(ask: (dialect: Dialect) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#dialect);
    } catch (error) {
      if (this.#dialect === BEFORE_0_10 || !isRefusedAs(error, 'USAGE')) throw error;
      const result = await ask(BEFORE_0_10);
      this.#dialect = BEFORE_0_10;
      return result;
    }
  }
}

export function isRefusedAs(error: unknown, ...codes: readonly OtaError['code'][]): error is OtaError {
  return error instanceof OtaError && codes.includes(error.code);
}

/** A text as a value of FIQL. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

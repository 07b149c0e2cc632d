import { parseDuration } from '../core/duration.js';
import { OtaError } from '../core/errors.js';
import { isOrder, type Operator, type OrderOperator } from './filter.js';

/** The operator that says the same with both sides exchanged. */
const MIRRORED = { '=lt=': '=gt=', '=le=': '=ge=', '=gt=': '=lt=', '=ge=': '=le=' } as const;

/**
 * An age as a time: "less than ten minutes ago" is "after ten minutes before now".
 *
 * @param field for messages
 * @param age   a duration, such as `10m`
 * @returns the time in milliseconds since 1970
 * @throws OtaError USAGE
 */
export function timeOfAge(
  field: string,
  { operator, age, nowMs }: { operator: Operator; age: string; nowMs: number },
): { operator: OrderOperator; timeMs: number } {
  if (isOrder(operator)) return { operator: MIRRORED[operator], timeMs: nowMs - parseDuration(age) };
  throw new OtaError('USAGE', `${field} is compared with =lt=, =le=, =gt= and =ge=, not with ${operator}`);
}

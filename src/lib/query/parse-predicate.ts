import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import {
  type Claim,
  type Condition,
  MAX_CLAIMS,
  PREDICATE_EVENTS,
  type Predicate,
  type PredicateEvent,
  type PredicateOperator,
  type Quantifier,
} from './predicate.js';
import { TextCursor } from './text-cursor.js';

const WORD = /[^"'();,=<>!~\s]+/y;
const OPERATOR = /==|!=|<=|>=|<|>|~/y;
const AND = /and(?=[\s(])/iy;
const OR = /or(?=[\s(])/iy;
const NUMBER = /^-?\d{1,15}(?:\.\d{1,15})?(?:e[+-]?\d{1,3})?$/i;

/**
 * Reads what `fleet tail --until` waits for: comparisons of members of events, `and`, `or`, parentheses, and at the end
 * of how many devices that must hold: `on 95%`, `on 5 devices`, or nothing for any.
 *
 * @throws OtaError USAGE with the column and what was expected there; LIMIT_EXCEEDED
 */
export function parsePredicate(text: string): Predicate {
  const cursor = new TextCursor(text, '--until');
  const claims: Claim[] = [];
  const condition = readAlternatives(cursor, claims);
  const conditionText = cursor.textBefore.trim();
  const quantifier = readQuantifier(cursor);
  if (!cursor.isAtEnd) {
    throw cursor.expected(quantifier.kind === 'any' ? '"and", "or", "on" or the end' : 'the end');
  }
  return { conditionText, condition, claims, quantifier };
}

function readAlternatives(cursor: TextCursor, claims: Claim[]): Condition {
  return joined(
    'or',
    cursor.separated(OR, () =>
      joined(
        'and',
        cursor.separated(AND, () => readTerm(cursor, claims)),
      ),
    ),
  );
}

function joined(kind: 'and' | 'or', conditions: [Condition, ...Condition[]]): Condition {
  return conditions.length === 1 ? conditions[0] : { kind, conditions };
}

function readTerm(cursor: TextCursor, claims: Claim[]): Condition {
  if (cursor.take(/\(/y) === undefined) return readClaim(cursor, claims);
  return cursor.nested(() => {
    const condition = readAlternatives(cursor, claims);
    if (cursor.take(/\)/y) === undefined) throw cursor.expected('"and", "or" or ")"');
    return condition;
  });
}

function readClaim(cursor: TextCursor, claims: Claim[]): Claim {
  if (claims.length === MAX_CLAIMS) {
    throw new OtaError('LIMIT_EXCEEDED', `--until: more than ${MAX_CLAIMS} comparisons`);
  }
  cursor.skipSpaces();
  const member = cursor.take(WORD);
  if (member === undefined) throw cursor.expected('a member of an event, such as status.version, or "("');
  const operator = cursor.take(OPERATOR);
  if (operator === undefined) throw cursor.expected('== != < <= > >= or ~');
  const claim: Claim = {
    kind: 'claim',
    index: claims.length,
    ...memberOf(member),
    operator: operator as PredicateOperator,
    ...readValue(cursor),
  };
  claims.push(claim);
  return claim;
}

function memberOf(written: string): Pick<Claim, 'event' | 'path'> {
  const [event = '', first, ...rest] = written.split('.');
  if (!isEvent(event)) {
    const meant = didYouMean(event, PREDICATE_EVENTS);
    throw new OtaError('USAGE', `--until: there are no events "${escapeText(event)}"`, [
      ...(meant === undefined ? [] : [`Did you mean ${meant}?`]),
      `Write one of ${PREDICATE_EVENTS.join(', ')}, a point and the name of a member, such as status.version.`,
    ]);
  }
  if (first === undefined || [first, ...rest].includes('')) {
    throw new OtaError('USAGE', `--until: "${escapeText(written)}" names no member of an event`, [
      `Write ${event}, a point and the name of a member, such as status.version.`,
    ]);
  }
  return { event, path: [first, ...rest] };
}

function isEvent(name: string): name is PredicateEvent {
  return (PREDICATE_EVENTS as readonly string[]).includes(name);
}

function readValue(cursor: TextCursor): Pick<Claim, 'text' | 'number'> {
  const quoted = cursor.takeQuoted();
  if (quoted !== undefined) return { text: quoted, number: undefined };
  const text = cursor.take(WORD);
  if (text === undefined) throw cursor.expected('a value');
  return { text, number: NUMBER.test(text) ? Number(text) : undefined };
}

function readQuantifier(cursor: TextCursor): Quantifier {
  if (cursor.take(/on(?=\s)/iy) === undefined) return { kind: 'any' };
  const share = cursor.take(/\d{1,3}(?:\.\d{1,3})?\s*%/y);
  if (share !== undefined) {
    const percent = Number.parseFloat(share);
    if (percent > 0 && percent <= 100) return { kind: 'share', percent };
    throw new OtaError('USAGE', `--until: ${share} of the devices is more than none and at most 100%`);
  }
  const some = cursor.take(/\d{1,9}\s+devices?(?![^\s])/iy);
  if (some === undefined) throw cursor.expected('a share such as 95%, or a number such as 5 devices');
  const count = Number.parseInt(some, 10);
  if (count > 0) return { kind: 'devices', count };
  throw new OtaError('USAGE', '--until: on 0 devices holds before anything has happened');
}

/** The kinds of events that a predicate can speak of; `event` is any of them. */
export const PREDICATE_EVENTS = ['status', 'telemetry', 'rollout', 'alert', 'event'] as const;
export type PredicateEvent = (typeof PREDICATE_EVENTS)[number];

export type PredicateOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '~';

/** What one member of events is to be: `telemetry.errorRate < 0.01`. */
export interface Claim {
  readonly kind: 'claim';
  /** its place in `Predicate.claims` */
  readonly index: number;
  readonly event: PredicateEvent;
  /** names of members, from the outside in */
  readonly path: readonly [string, ...string[]];
  readonly operator: PredicateOperator;
  /** as written, without quotes */
  readonly text: string;
  /** what the text is if it was written without quotes and is a number */
  readonly number: number | undefined;
}

export type Condition =
  | Claim
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly [Condition, ...Condition[]] };

/** Of how many the condition must hold: of any device, or of none in particular; of so many; of so many in a hundred. */
export type Quantifier =
  | { readonly kind: 'any' }
  | { readonly kind: 'devices'; readonly count: number }
  | { readonly kind: 'share'; readonly percent: number };

/** What `fleet tail --until` waits for: `status.version == "2.1.0" on 100%`. */
export interface Predicate {
  /** as written, without the quantifier; not escaped for a terminal */
  readonly conditionText: string;
  readonly condition: Condition;
  /** those of the condition, each at its index */
  readonly claims: readonly Claim[];
  readonly quantifier: Quantifier;
}

/** Claims in one predicate: what is known of a device is two bits for each, in one small integer. */
export const MAX_CLAIMS = 15;

/** How a field and its values are compared, as FIQL writes it. */
export const OPERATORS = ['==', '!=', '=lt=', '=le=', '=gt=', '=ge=', '=in=', '=out='] as const;
export type Operator = (typeof OPERATORS)[number];
export type OrderOperator = '=lt=' | '=le=' | '=gt=' | '=ge=';

export function isOrder(operator: Operator): operator is OrderOperator {
  return operator === '=lt=' || operator === '=le=' || operator === '=gt=' || operator === '=ge=';
}

/**
 * A question about one thing that has fields: a device, a release, a rollout. There is no `not`: FIQL has none.
 *
 * - `compare`: `values` is one value, and any number of them for `=in=` and `=out=`. For `==` and `!=` a `*` in a value
 *   stands for any text, `\*` for itself (`wildcard.ts`).
 * - `present`: whether the field has a value at all (`=not=null`, `=is=null`).
 * - `and`, `or`: two filters or more.
 *
 * What comes from text names fields by text (`controllerId`, `metadata.site`) and has values as they were written.
 * `bindFilter` checks it against the fields that there are; what it returns is this same tree with `Field` and `Value`
 * of a narrower kind, and is what a matcher or an SQL compiler works on.
 */
export type Filter<Field = string, Value = string> =
  | Comparison<Field, Value>
  | { readonly kind: 'present'; readonly field: Field; readonly present: boolean }
  | { readonly kind: 'and'; readonly filters: Several<Filter<Field, Value>> }
  | { readonly kind: 'or'; readonly filters: Several<Filter<Field, Value>> };

export interface Comparison<Field = string, Value = string> {
  readonly kind: 'compare';
  readonly field: Field;
  readonly operator: Operator;
  readonly values: readonly [Value, ...Value[]];
}

type Several<Item> = readonly [Item, Item, ...Item[]];

/** What a text from outside may hold; beyond it the text is refused with LIMIT_EXCEEDED. */
export const FILTER_LIMITS = {
  /** of the text, as UTF-8 */
  maxBytes: 16 * 1024,
  /** parentheses in parentheses */
  maxDepth: 32,
  /** comparisons, and the `and` and `or` that join them */
  maxNodes: 1024,
} as const;

export function compare<Field, Value>(
  field: Field,
  operator: Operator,
  ...values: readonly [Value, ...Value[]]
): Comparison<Field, Value> {
  return { kind: 'compare', field, operator, values };
}

export function present<Field>(field: Field, isPresent: boolean): Filter<Field, never> {
  return { kind: 'present', field, present: isPresent };
}

/** All of them hold; a single one stands for itself. */
export function allOf<Field, Value>(
  filters: readonly [Filter<Field, Value>, ...Filter<Field, Value>[]],
): Filter<Field, Value> {
  return join('and', filters);
}

/** At least one of them holds; a single one stands for itself. */
export function anyOf<Field, Value>(
  filters: readonly [Filter<Field, Value>, ...Filter<Field, Value>[]],
): Filter<Field, Value> {
  return join('or', filters);
}

function join<Field, Value>(
  kind: 'and' | 'or',
  [first, second, ...rest]: readonly [Filter<Field, Value>, ...Filter<Field, Value>[]],
): Filter<Field, Value> {
  return second === undefined ? first : { kind, filters: [first, second, ...rest] };
}

import fc from 'fast-check';
import { compare, type Filter, present } from '../../../src/lib/query/filter.js';

const word = fc.string({ unit: fc.constantFrom(...'abyzAB09_-.*\\/$ü'), minLength: 1, maxLength: 8 });
const anyText = fc.oneof(word, fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 6 }));

export const anyField = fc.oneof(fc.constantFrom('controllerId', 'metadata.site', 'tags.name'), word);

/** Comparisons and whatever `and` and `or` make of them, of any shape that the type allows. */
export function anyFilter(field: fc.Arbitrary<string> = anyField, text: fc.Arbitrary<string> = anyText) {
  const one = fc
    .tuple(field, fc.constantFrom('==', '!=', '=lt=', '=le=', '=gt=', '=ge='), text)
    .map(([name, operator, value]): Filter => compare(name, operator, value));
  const several = fc
    .tuple(field, fc.constantFrom('=in=', '=out='), text, fc.array(text, { maxLength: 3 }))
    .map(([name, operator, first, rest]): Filter => compare(name, operator, first, ...rest));
  const known = fc.tuple(field, fc.boolean()).map(([name, isPresent]): Filter => present(name, isPresent));
  return fc.letrec<{ filter: Filter; joined: Filter }>((tie) => ({
    filter: fc.oneof({ maxDepth: 4 }, one, several, known, tie('joined')),
    joined: fc
      .tuple(fc.constantFrom('and', 'or'), tie('filter'), tie('filter'), fc.array(tie('filter'), { maxLength: 2 }))
      .map(([kind, first, second, rest]): Filter => ({ kind, filters: [first, second, ...rest] })),
  })).filter;
}

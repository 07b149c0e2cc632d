import type {
  ReferenceFinder,
  ReferenceForm,
  ReferenceVisitor,
} from '../../../../src/lib/delta/predict/reference-form.js';

export interface FoundReference {
  readonly form: ReferenceForm;
  readonly at: number;
  readonly partner: number;
  readonly target: number;
}

/**
 * What a finder offers in code at an address.
 *
 * @param exists which targets are taken for addresses of the image
 */
export function foundReferences(
  find: ReferenceFinder,
  code: Uint8Array,
  address: number,
  exists: (target: number) => boolean,
): FoundReference[] {
  const references: FoundReference[] = [];
  const visitor: ReferenceVisitor = {
    visit(form, at, partner) {
      const target = form.read(code, at, address + at, partner);
      if (!exists(target)) return false;
      references.push({ form, at, partner, target });
      return true;
    },
  };
  find(code, 0, code.length, address, visitor, code.length);
  return references;
}

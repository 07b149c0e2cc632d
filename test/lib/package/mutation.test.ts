import fc from 'fast-check';
import { describe, test } from 'vitest';
import { mutations } from '../../support/mutations.js';
import { LAYERS, survivesMutation } from '../../support/package-mutations.js';

describe.each(['movehub-3.7.0-bsdf2.ota', 'movehub-3.7.0-bsdiff40.ota'])('a mutated copy of %s', (file) => {
  test.each(LAYERS)('(%s) is refused without a trace, or makes the signed image', async (layer) => {
    const property = fc.asyncProperty(mutations, (list) => survivesMutation(file, layer, list));
    await fc.assert(property, { numRuns: 60 });
  });
});

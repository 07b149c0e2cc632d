import * as z from 'zod/mini';

/** `true` or `false` in a query; absent is false. */
export const flagQuery = z.pipe(
  z._default(z.enum(['true', 'false']), 'false'),
  z.transform((text) => text === 'true'),
);

import * as z from 'zod/mini';

/** An identifier in a path: digits of a number that the database can have given. */
export const pathId = z.pipe(z.string().check(z.regex(/^[1-9]\d{0,15}$/, 'expected a number')), z.transform(Number));

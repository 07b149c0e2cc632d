import { type $ZodType, config, safeParse } from 'zod/v4/core';
import english from 'zod/v4/locales/en.js';
import { type ErrorCode, OtaError } from './errors.js';
import { escapeText } from './text.js';

// Schemas are written with zod/mini, which starts in half the time and brings no messages of its own.
config(english());

/**
 * Checks a parsed value against its schema.
 *
 * @param name the file it came from, for the message
 * @param code what a violation is called: METADATA_INVALID, DEVICE_STATE_INVALID, …
 * @returns the value as the schema types it
 * @throws OtaError `code`, with the first violation as one sentence:
 *   `metadata.json: payloads[0].sha256: expected string, received number`
 */
export function checkSchema<T>(
  schema: $ZodType<T>,
  value: unknown,
  { code, name }: { code: ErrorCode; name: string },
): T {
  const result = safeParse(schema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const where = jsonPath(issue.path);
  const fact = issue.message.replace(/^Invalid input: /, '').replace(/, received undefined$/, ', but it is missing');
  throw new OtaError(
    code,
    [name, where, fact]
      .filter((part) => part !== '')
      .map(escapeText)
      .join(': '),
  );
}

/** `payloads[0].base.sha256`; names that are no identifiers in brackets and quotes. */
function jsonPath(path: readonly PropertyKey[]): string {
  return path
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      const name = String(step);
      return /^[\w-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    })
    .join('')
    .replace(/^\./, '');
}

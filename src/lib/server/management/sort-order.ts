import { escapeText } from '../../core/text.js';
import type { FieldTable } from '../../query/fields.js';
import { badRequest } from '../http/server-failure.js';

export interface SortKey {
  /** As the table of fields spells it. */
  readonly field: string;
  readonly isDescending: boolean;
}

/**
 * Reads `name:ASC,createdAt:DESC`.
 *
 * @throws ServerFailure 400 for another direction or too many keys; OtaError USAGE, there is no such field
 */
export function parseSort(text: string | undefined, fields: FieldTable): SortKey[] {
  if (text === undefined || text === '') return [];
  const keys = text.split(',');
  if (keys.length > 8) throw badRequest(`sort has ${keys.length} keys, at most 8 are allowed`);
  return keys.map((key) => {
    const [path = '', direction = 'ASC', ...rest] = key.split(':');
    if (!/^(?:asc|desc)$/i.test(direction) || rest.length > 0) {
      throw badRequest(`sort has "${escapeText(key.slice(0, 64))}", expected FIELD:ASC or FIELD:DESC`);
    }
    return { field: fields.find(path).name, isDescending: direction.toLowerCase() === 'desc' };
  });
}

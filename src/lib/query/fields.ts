import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { foldCase } from './text-order.js';

/**
 * What a field holds, and so how it is compared.
 *
 * - `text`; `many`: any number of them at once, as tags; `keyed`: one for each key, as `metadata.KEY`
 * - `number`: times are milliseconds since 1970
 * - `version`: text, but ordered as semantic versions
 * - `enumeration`: one of few words, in any case
 * - `age`: how long ago the time in another field is; written as a duration, such as `10m`
 */
export type FieldDefinition = { readonly aliases?: readonly string[] } & (
  | { readonly type: 'text'; readonly many?: boolean; readonly keyed?: boolean }
  | { readonly type: 'number' | 'boolean' | 'version' }
  | { readonly type: 'enumeration'; readonly values: readonly string[] }
  | { readonly type: 'age'; readonly since: string }
);

export interface FoundField {
  /** as the table spells it */
  readonly name: string;
  /** of a keyed field: what follows the point, in its own spelling */
  readonly key: string | undefined;
  readonly definition: FieldDefinition;
}

/** The fields that something has. Names are found in any case, as hawkBit does; keys are not. */
export class FieldTable {
  readonly #owner: string;
  readonly #byName = new Map<string, FoundField>();

  /** @param owner for messages: `a device` */
  constructor(owner: string, definitions: Readonly<Record<string, FieldDefinition>>) {
    this.#owner = owner;
    for (const [name, definition] of Object.entries(definitions)) {
      for (const spelling of [name, ...(definition.aliases ?? [])]) {
        this.#byName.set(foldCase(spelling), { name, key: undefined, definition });
      }
    }
  }

  /** @throws OtaError USAGE, there is no such field, with the one that was probably meant */
  find(path: string): FoundField {
    const found = this.#byName.get(foldCase(path));
    if (found !== undefined) {
      if (!isKeyed(found.definition)) return found;
      throw new OtaError('USAGE', `${found.name} needs a key: ${found.name}.KEY`);
    }
    const point = path.indexOf('.');
    const key = path.slice(point + 1);
    const keyed = point === -1 ? undefined : this.#byName.get(foldCase(path.slice(0, point)));
    if (keyed !== undefined && isKeyed(keyed.definition) && key !== '') return { ...keyed, key };
    throw new OtaError('USAGE', `${this.#owner} has no field "${escapeText(path)}"`, this.#suggestions(path));
  }

  #suggestions(path: string): string[] {
    const fields = [...new Map([...this.#byName.values()].map(({ name, definition }) => [name, isKeyed(definition)]))];
    const plain = fields.filter(([, keyed]) => !keyed).map(([name]) => name);
    const keyed = fields.filter(([, keyed]) => keyed).map(([name]) => name);
    const [head = '', ...key] = path.split('.');
    const nearKeyed = didYouMean(head, keyed);
    const meant =
      didYouMean(path, plain) ?? (nearKeyed === undefined ? undefined : `${nearKeyed}.${key.join('.') || 'KEY'}`);
    return [
      ...(meant === undefined ? [] : [`Did you mean ${escapeText(meant)}?`]),
      `The fields are ${[...plain, ...keyed.map((name) => `${name}.KEY`)].join(', ')}.`,
    ];
  }
}

function isKeyed(definition: FieldDefinition): boolean {
  return definition.type === 'text' && definition.keyed === true;
}

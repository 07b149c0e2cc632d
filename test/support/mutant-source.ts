import { dirname, join, relative, sep } from 'node:path';
import type { Plugin } from 'vitest/config';

/** Changes of source text, as somebody could have typed them. */
export interface Edit {
  /** Below `src/lib`, with `/`. */
  file: string;
  /** Stands there exactly once. */
  from: string;
  to: string;
}

const LIB = join(import.meta.dirname, '../../src/lib');
const QUERY = '?mutant=';

/**
 * The module of a program that was edited before it was loaded.
 *
 * @param file  below `src/lib`: the module to import
 * @param edits to it and to whatever it imports from the folders of the edited files
 * @returns what to `import()` in a test
 */
export function mutantModule(file: string, edits: readonly Edit[]): string {
  return `${join(LIB, file)}${QUERY}${Buffer.from(JSON.stringify(edits)).toString('base64url')}`;
}

/** Loads mutants: everything in the folders of edited files is loaded once more, the rest is shared. */
export function mutantSource(): Plugin {
  return {
    name: 'mutant-source',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      const query = queryOf(importer ?? '');
      if (query === undefined) return undefined;
      const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
      if (resolved === null || !isMutable(resolved.id, editsOf(query))) return resolved;
      return { ...resolved, id: `${resolved.id}${QUERY}${query}` };
    },
    transform(code, id) {
      const query = queryOf(id);
      if (query === undefined) return undefined;
      const file = nameOf(id);
      return editsOf(query)
        .filter((edit) => edit.file === file)
        .reduce((text, edit) => edited(text, edit), code);
    },
  };
}

function edited(code: string, { file, from, to }: Edit): string {
  const parts = code.split(from);
  if (parts.length === 2) return parts.join(to);
  throw new Error(
    `${file}: ${JSON.stringify(from)} stands there ${parts.length - 1} times: bring the mutant up to date`,
  );
}

function isMutable(id: string, edits: readonly Edit[]): boolean {
  return !id.includes('?') && edits.some(({ file }) => dirname(file) === dirname(nameOf(id)));
}

function nameOf(id: string): string {
  return relative(LIB, id.split('?')[0]!).split(sep).join('/');
}

function queryOf(id: string): string | undefined {
  return id.split(QUERY)[1];
}

function editsOf(query: string): Edit[] {
  return JSON.parse(Buffer.from(query, 'base64url').toString()) as Edit[];
}

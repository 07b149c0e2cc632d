import type { Document } from 'yaml';
import { OtaError } from './errors.js';
import type { JsonValue } from './json-scanner.js';
import { escapeText } from './text.js';

export interface StrictYamlOptions {
  /** The file it came from, for messages. */
  name: string;
  /** Largest size accepted, bytes. */
  maxBytes: number;
}

/**
 * Reads one YAML 1.2 document of what JSON could hold, too.
 *
 * Refused: duplicate keys and `__proto__`, keys that are no text, aliases (a few lines of which can stand for gigabytes),
 * tags, a second document, invalid UTF-8, numbers that are none.
 *
 * @returns null for an empty document
 * @throws OtaError CONFIG_INVALID with line and column; LIMIT_EXCEEDED
 */
export async function parseStrictYaml(bytes: Uint8Array, { name, maxBytes }: StrictYamlOptions): Promise<JsonValue> {
  const file = escapeText(name);
  if (bytes.byteLength > maxBytes) {
    throw new OtaError('LIMIT_EXCEEDED', `${file}: has ${bytes.byteLength} bytes, at most ${maxBytes} are accepted`);
  }
  const yaml = await import('yaml');
  // In the bundle, what a CommonJS library exports is on `default` alone.
  const { parseDocument, visit, isScalar, LineCounter } = 'default' in yaml ? (yaml.default as typeof yaml) : yaml;
  const lineCounter = new LineCounter();
  const document = parseDocument(decodeUtf8(bytes, file), {
    schema: 'core',
    stringKeys: true,
    resolveKnownTags: false,
    lineCounter,
    // The library compares each key with all others: 20,000 of them take it seconds, a file of 4 MiB half an hour.
    uniqueKeys: false,
  });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    throw new OtaError('CONFIG_INVALID', `${file}: ${escapeText(problem.message.split('\n')[0]!.replace(/:$/, ''))}`);
  }
  visit(document, {
    Map(_, { items }) {
      const known = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (known.has(key.value)) {
          const { line, col } = lineCounter.linePos(key.range?.[0] ?? 0);
          throw new OtaError('CONFIG_INVALID', `${file}: Map keys must be unique at line ${line}, column ${col}`);
        }
        known.add(key.value);
      }
    },
  });
  const value = withoutAliases(document, file);
  checkValue(value, file, 0);
  return value as JsonValue;
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new OtaError('CONFIG_INVALID', `${file}: not UTF-8`, ['Save the file as UTF-8.']);
  }
}

function withoutAliases(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new OtaError('CONFIG_INVALID', `${file}: holds an alias, expected every value in its place`);
  }
}

const MAX_DEPTH = 32;

function checkValue(value: unknown, file: string, depth: number): void {
  if (depth > MAX_DEPTH) throw new OtaError('LIMIT_EXCEEDED', `${file}: is nested deeper than ${MAX_DEPTH}`);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new OtaError('CONFIG_INVALID', `${file}: holds ${value}, expected a number`);
  }
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) {
    throw new OtaError('CONFIG_INVALID', `${file}: the key "__proto__" is not allowed`);
  }
  for (const member of Object.values(value)) checkValue(member, file, depth + 1);
}

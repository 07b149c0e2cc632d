import { canonicalJson } from '../core/canonical-json.js';
import type { JsonValue } from '../core/strict-json.js';
import type { AttackCase } from './attack-case.js';
import type { Forge } from './forge.js';

/**
 * Rows 9 to 12 and 14: metadata that is correctly signed, so that it reaches the parser, and is not
 * what a strict reader may accept. The unwanted value stands under a name of its own, which a reader
 * would otherwise ignore.
 */
export function* badMetadataText(forge: Forge): Generator<AttackCase> {
  yield* duplicateKeys(forge);
  yield* notUnicode(forge);
  yield* badNumbers(forge);
  yield* tooMuch(forge);
  yield* notCanonical(forge);
}

function* duplicateKeys(forge: Forge): Generator<AttackCase> {
  const product = JSON.stringify(forge.specimen.metadata.product);
  const keys: [string, string, string][] = [
    ['top', 'the key "product" stands twice', `"product":${product},`],
    ['escaped', 'the key "product" stands twice, once spelt with an escape', `"\\u0070roduct":"x",`],
    ['nested', 'a key stands twice in an object inside', '"x-attack":{"a":1,"a":2},'],
    ['proto', 'a key is __proto__', '"__proto__":{"product":"x"},'],
    ['proto-nested', 'a key in an object inside is __proto__', '"x-attack":{"__proto__":1},'],
    ['proto-escaped', 'a key is __proto__, spelt with an escape', '"\\u005f_proto__":1,'],
  ];
  for (const [name, change, text] of keys) yield inserted(forge, 9, name, 'JSON_INVALID', change, text);
}

function* notUnicode(forge: Forge): Generator<AttackCase> {
  const text = (hex: string) =>
    Buffer.concat([Buffer.from('"x-attack":"'), Buffer.from(hex, 'hex'), Buffer.from('",')]);
  const strings: [string, string, string][] = [
    ['byte-ff', 'a string holds the byte FF', 'ff'],
    ['overlong', 'a string holds "/" in two bytes (C0 AF)', 'c0af'],
    ['cut-sequence', 'a string holds the first two of three bytes of a character', 'e282'],
    ['raw-surrogate', 'a string holds a surrogate as three bytes (ED A0 80)', 'eda080'],
    ['beyond', 'a string holds a code point above U+10FFFF', 'f4908080'],
  ];
  for (const [name, change, hex] of strings) yield inserted(forge, 10, name, 'JSON_INVALID', change, text(hex));
  yield inserted(forge, 10, 'lone-high', 'JSON_INVALID', 'a string holds \\ud800 alone', '"x-attack":"\\ud800",');
  yield inserted(forge, 10, 'lone-low', 'JSON_INVALID', 'a string holds \\udc00 alone', '"x-attack":"\\udc00",');
  const bom = Buffer.concat([Buffer.from('efbbbf', 'hex'), forge.metadata()]);
  yield forge.case(10, 'bom', 'JSON_INVALID', 'a byte order mark stands first', forge.package({ metadata: bom }));
  const utf16 = Buffer.from(forge.metadata().toString(), 'utf16le');
  yield forge.case(10, 'utf-16', 'JSON_INVALID', 'the text is UTF-16', forge.package({ metadata: utf16 }));
}

function* badNumbers(forge: Forge): Generator<AttackCase> {
  const numbers: [string, string][] = [
    ['2-to-53', '9007199254740992'],
    ['2-to-64', '18446744073709551616'],
    ['minus-2-to-53', '-9007199254740992'],
    ['1e400', '1e400'],
    ['minus-zero', '-0'],
    ['minus-zero-float', '-0.0'],
    ['leading-zero', '01'],
    ['plus', '+1'],
    ['nan', 'NaN'],
  ];
  for (const [name, text] of numbers) {
    yield inserted(forge, 11, name, 'JSON_INVALID', `a number is ${text}`, `"x-attack":${text},`);
  }
}

function* tooMuch(forge: Forge): Generator<AttackCase> {
  let nested: JsonValue = 1;
  for (let depth = 0; depth < 40; depth++) nested = [nested];
  yield forge.case(
    12,
    'depth-40',
    'LIMIT_EXCEEDED',
    'a value is nested 40 deep, in canonical form',
    forge.package({ metadata: withUnknown(forge, nested) }),
  );
  const brackets = '['.repeat(100_000);
  yield inserted(forge, 12, 'depth-100000', 'LIMIT_EXCEEDED', '100000 opening brackets', `"x-attack":${brackets}`);
  yield forge.case(
    12,
    'above-1-mib',
    'LIMIT_EXCEEDED',
    'metadata.json is canonical and above 1 MiB',
    forge.package({ metadata: withUnknown(forge, 'a'.repeat(1024 ** 2)) }),
  );
}

function* notCanonical(forge: Forge): Generator<AttackCase> {
  const text = forge.metadata().toString();
  const reversed = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()));
  const variants: [string, string, string][] = [
    ['space', 'a space after the opening brace', `{ ${text.slice(1)}`],
    ['indented', 'indented', JSON.stringify(JSON.parse(text), null, 2)],
    ['newline-at-end', 'a line feed at the end', `${text}\n`],
    ['key-order', 'the keys are in another order', reversed],
    ['escape', 'a letter is written as an escape', text.replace('"payloads"', '"p\\u0061yloads"')],
    ['number-form', 'a number is written as 1.0', text.replace('{', '{"a-attack":1.0,')],
  ];
  for (const [name, change, bytes] of variants) {
    yield forge.case(14, name, 'METADATA_INVALID', change, forge.package({ metadata: Buffer.from(bytes) }));
  }
  const after = Buffer.from(`${text}{}`);
  yield forge.case(14, 'second-value', 'JSON_INVALID', 'a second value follows', forge.package({ metadata: after }));
  yield forge.case(14, 'empty', 'JSON_INVALID', 'it is empty', forge.package({ metadata: Buffer.alloc(0) }));
}

/** Text put before the first key of otherwise valid metadata. */
function inserted(
  forge: Forge,
  row: number,
  name: string,
  code: AttackCase['verify'],
  change: string,
  text: string | Buffer,
): AttackCase {
  const rest = forge.metadata().subarray(1);
  const metadata = Buffer.concat([Buffer.from('{'), Buffer.from(text as string), rest]);
  return forge.case(row, name, code, change, forge.package({ metadata }));
}

function withUnknown(forge: Forge, value: JsonValue): Buffer {
  return canonicalJson({ ...JSON.parse(forge.metadata().toString()), 'x-attack': value });
}

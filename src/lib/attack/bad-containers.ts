import { gzipSync } from 'node:zlib';
import { BLOCK_BYTES } from '../package/ustar.js';
import type { AttackCase, Expectation } from './attack-case.js';
import type { Forge } from './forge.js';
import { END_OF_ARCHIVE, entryBytes, type HeaderField, type TarEntry, tarBytes, withFields } from './tar-bytes.js';

/** Rows 17 to 24: containers whose framing a strict reader refuses. Their checksums are right. */
export function* badContainers(forge: Forge): Generator<AttackCase> {
  const entries = forge.entries({ metadata: forge.metadata() });
  yield* dangerousPaths(forge, entries);
  yield* otherTypes(forge, entries);
  yield* wrongEntries(forge, entries);
  yield* sizes(forge, entries);
  yield* paxRecords(forge, entries);
  yield* containerBombs(forge, entries);
  yield* beforeAndAfter(forge, entries);
  yield* truncations(forge, entries);
}

const invalid = (forge: Forge, row: number, name: string, change: string, bytes: Uint8Array): AttackCase =>
  forge.case(row, name, 'CONTAINER_INVALID', change, bytes);

function* dangerousPaths(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const paths: [string, string][] = [
    ['absolute', '/etc/passwd'],
    ['parent', '../../etc/passwd'],
    ['parent-inside', 'a/../../b.full'],
    ['dot', './app-full.full'],
    ['backslash', '..\\..\\boot.bin'],
    ['drive', 'C:boot.bin'],
    ['folder', 'folder/app-full.full'],
    ['upper-case', 'APP-FULL.FULL'],
    ['latin-1', 'b\u00f6se-full.full'],
    ['control-character', 'app\u001b[2J.full'],
    ['device-name', 'nul'],
    ['hundred-bytes', `${'a'.repeat(95)}.full`],
  ];
  for (const [name, path] of paths) {
    yield invalid(forge, 17, name, `an entry is named ${JSON.stringify(path)}`, renamed(entries, { name: path }));
  }
  const inPrefix = renamed(entries, { prefix: '../../etc' });
  yield invalid(forge, 17, 'prefix', 'the prefix field of an entry is "../../etc"', inPrefix);
  const payload = entries.at(-1)!;
  const extra: TarEntry = { ...payload, header: withFields({ name: '../../etc/passwd' }) };
  yield invalid(
    forge,
    17,
    'appended',
    'an entry "../../etc/passwd" follows the payload',
    tarBytes([...entries, extra]),
  );
}

function* otherTypes(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const types: [string, string, string][] = [
    ['hardlink', '1', '/etc/passwd'],
    ['symlink', '2', '/etc/passwd'],
    ['character-device', '3', ''],
    ['block-device', '4', ''],
    ['directory', '5', ''],
    ['fifo', '6', ''],
    ['contiguous', '7', ''],
    ['gnu-sparse', 'S', ''],
    ['gnu-long-name', 'L', ''],
    ['pax-header', 'x', ''],
    ['pax-global', 'g', ''],
    ['old-style', '\0', ''],
  ];
  for (const [name, typeflag, linkname] of types) {
    const change = `the payload is of type ${JSON.stringify(typeflag)}, ${name}`;
    yield invalid(forge, 18, name, change, renamed(entries, { typeflag, linkname }));
  }
  const link: TarEntry = {
    name: 'a-full.full',
    bytes: Buffer.alloc(0),
    header: withFields({ typeflag: '2', linkname: '/etc' }),
  };
  yield invalid(
    forge,
    18,
    'symlink-first',
    'a symlink to /etc stands before the payload',
    tarBytes(entries.toSpliced(2, 0, link)),
  );
}

function* wrongEntries(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const [metadata, signature, ...payloads] = entries as [TarEntry, TarEntry, ...TarEntry[]];
  const forged: TarEntry = {
    name: 'metadata.json',
    bytes: forge.metadata((draft) => {
      draft.sequence += 1;
    }),
  };
  const lists: [string, string, TarEntry[]][] = [
    ['payload-twice', 'the payload stands twice', [...entries, payloads[0]!]],
    ['second-metadata-last', 'a second metadata.json stands last', [...entries, forged]],
    ['second-metadata-first', 'another metadata.json stands before the signed one', [forged, ...entries]],
    ['second-signature', 'signature.json stands twice', [metadata, signature, signature, ...payloads]],
    [
      'unlisted',
      'a payload that metadata does not list',
      [...entries, { name: 'zz-full.full', bytes: Buffer.from('zz') }],
    ],
    [
      'unlisted-first',
      'an unlisted payload before the listed one',
      entries.toSpliced(2, 0, { name: 'aa-full.full', bytes: Buffer.from('aa') }),
    ],
    ['no-payload', 'no payload', [metadata, signature]],
    ['no-signature-file', 'no signature.json', [metadata, ...payloads]],
    ['no-metadata', 'no metadata.json', [signature, ...payloads]],
    ['signature-first', 'signature.json stands before metadata.json', [signature, metadata, ...payloads]],
    ['payload-first', 'the payload stands first', [...payloads, metadata, signature]],
    [
      'root-after-payload',
      'a trust root follows the payload',
      [...entries, { name: 'root.1.json', bytes: Buffer.from('{}') }],
    ],
    ['readme', 'a file that is no payload', [...entries, { name: 'README', bytes: Buffer.from('hello') }]],
    ['empty-container', 'nothing at all', []],
  ];
  for (const [name, change, list] of lists)
    yield invalid(forge, 19, name, `the container holds ${change}`, tarBytes(list));
}

function* sizes(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const values: [string, string, string | Buffer][] = [
    ['negative-octal', 'negative, in octal', '-0000000001 '],
    ['negative-binary', 'negative, in binary', Buffer.alloc(12, 0xff)],
    ['2-to-64', '2^64, in binary', Buffer.from('800000010000000000000000', 'hex')],
    ['binary', 'written in binary', Buffer.from('800000000000000000000010', 'hex')],
    ['8-gib-less-1', '8 GiB less 1, far beyond the end', '77777777777 '],
    [
      'nul-ended',
      'ended by NUL where a space belongs',
      `${entries.at(-1)!.bytes.length.toString(8).padStart(11, '0')}\0`,
    ],
    ['spaces', 'padded with spaces', `${entries.at(-1)!.bytes.length.toString(8).padStart(11, ' ')} `],
    ['not-octal', 'no octal number', '00000000899 '],
    ['empty', 'empty', ''],
  ];
  for (const [name, what, size] of values) {
    yield invalid(forge, 20, name, `the size of the payload is ${what}`, renamed(entries, { size }));
  }
  const metadataSize = entries.with(0, { ...entries[0]!, header: withFields({ size: '77777777777 ' }) });
  yield invalid(forge, 20, 'metadata-8-gib', 'metadata.json claims 8 GiB less 1', tarBytes(metadataSize));
}

function* paxRecords(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const records: [number, string, string][] = [
    [20, 'pax-size', 'size=1'],
    [20, 'pax-path', 'path=../../etc/passwd'],
    [20, 'pax-linkpath', 'linkpath=/etc/passwd'],
    [21, 'pax-size-smaller', `size=${entries.at(-1)!.bytes.length - 1}`],
    [21, 'pax-size-larger', `size=${entries.at(-1)!.bytes.length + BLOCK_BYTES}`],
  ];
  for (const [row, name, record] of records) {
    const pax: TarEntry = { name: 'PaxHeader', bytes: paxRecord(record), header: withFields({ typeflag: 'x' }) };
    const change = `a pax record "${record}" stands before the payload`;
    yield invalid(forge, row, name, change, tarBytes(entries.toSpliced(2, 0, pax)));
  }
  const fields: [string, string, Partial<Record<HeaderField, string>>][] = [
    ['mode', 'the mode of the payload is 0755', { mode: '000755 ' }],
    ['owner', 'the payload has an owner', { uid: '001750 ' }],
    ['owner-name', 'the payload has the owner "root"', { uname: 'root' }],
    ['mtime', 'the payload has a time', { mtime: '14000000000 ' }],
    ['gnu-magic', 'the payload has the header of GNU tar', { magic: 'ustar ', version: ' ' }],
    ['old-tar', 'the payload has the header of tar before POSIX', { magic: '', version: '' }],
  ];
  for (const [name, change, values] of fields) yield invalid(forge, 21, name, change, renamed(entries, values));
}

function* containerBombs(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const bomb = (name: string, code: Expectation, change: string, list: readonly TarEntry[]): AttackCase =>
    forge.case(22, name, code, change, tarBytes(list));
  const blank = (name: string): TarEntry => ({ name, bytes: Buffer.alloc(0) });
  const signature: TarEntry = { name: 'signature.json', bytes: Buffer.alloc(17 * 1024, ' ') };
  yield bomb('large-signature-file', 'LIMIT_EXCEEDED', 'signature.json has 17 KiB', entries.with(1, signature));
  const roots = Array.from({ length: 65 }, (_, index) => blank(`root.${index + 1}.json`));
  yield bomb('many-roots', 'LIMIT_EXCEEDED', 'the container holds 65 trust roots', entries.toSpliced(2, 0, ...roots));
  const many = Array.from({ length: 400 }, (_, index) => blank(`a${index}-full.full`));
  yield bomb('many-entries', 'LIMIT_EXCEEDED', 'the container holds 400 more entries', [...entries, ...many]);
}

function* beforeAndAfter(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const whole = tarBytes(entries);
  const files: [string, string, Buffer][] = [
    ['prefix-byte', 'one byte stands before the package', Buffer.concat([Buffer.of(0), whole])],
    ['prefix-block', 'a zero block stands before the package', Buffer.concat([Buffer.alloc(BLOCK_BYTES), whole])],
    [
      'shebang',
      'a script stands before the package',
      Buffer.concat([Buffer.from('#!/bin/sh\n'.padEnd(BLOCK_BYTES, '\n')), whole]),
    ],
    ['trailing-byte', 'one byte follows the package', Buffer.concat([whole, Buffer.of(0)])],
    ['third-zero-block', 'a third zero block follows', Buffer.concat([whole, Buffer.alloc(BLOCK_BYTES)])],
    ['padded-to-10-kib', 'it is padded to 10 KiB, as tar does', padded(whole, 10_240)],
    ['second-package', 'a second package follows', Buffer.concat([whole, whole])],
    [
      'after-the-end',
      'an entry follows the two zero blocks',
      Buffer.concat([whole, entryBytes(entries[0]!), END_OF_ARCHIVE]),
    ],
    ['one-zero-block', 'it ends with one zero block', whole.subarray(0, -BLOCK_BYTES)],
    ['no-zero-block', 'it ends without zero blocks', whole.subarray(0, -2 * BLOCK_BYTES)],
    ['gzip', 'it is compressed by gzip', reproducibleGzip(whole)],
    ['zeros', 'it is 10 KiB of zeros', Buffer.alloc(10_240)],
  ];
  for (const [name, change, bytes] of files) yield invalid(forge, 23, name, change, bytes);
}

/** A sample around each boundary of the structure; a test takes every byte of a small package. */
function* truncations(forge: Forge, entries: readonly TarEntry[]): Generator<AttackCase> {
  const whole = tarBytes(entries);
  const cuts = new Map<string, number>([['empty', 0]]);
  let start = 0;
  for (const [index, entry] of entries.entries()) {
    const content = start + BLOCK_BYTES;
    const end = content + entry.bytes.byteLength;
    const next = start + entryBytes(entry).byteLength;
    cuts.set(`${index}-in-header`, start + 200);
    cuts.set(`${index}-after-header`, content);
    cuts.set(`${index}-one-byte-short`, end - 1);
    cuts.set(`${index}-before-padding`, end);
    cuts.set(`${index}-before-next`, next);
    start = next;
  }
  cuts.set('end-in-first-zero-block', start + 1);
  cuts.set('end-one-byte-short', whole.length - 1);
  for (const [name, length] of cuts) {
    yield invalid(forge, 24, name, `cut after ${length} of ${whole.length} bytes`, whole.subarray(0, length));
  }
}

/** The container with other fields in the header of its last entry. */
function renamed(entries: readonly TarEntry[], fields: Partial<Record<HeaderField, string | Buffer>>): Buffer {
  return tarBytes(entries.with(-1, { ...entries.at(-1)!, header: withFields(fields) }));
}

/** "LENGTH KEY=VALUE\n", where the length counts itself (POSIX, pax, extended header). */
function paxRecord(text: string): Buffer {
  const rest = ` ${text}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length++;
  return Buffer.from(`${length}${rest}`);
}

function padded(bytes: Buffer, multiple: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(multiple - (bytes.length % multiple))]);
}

/** Stored, and without the operating system that gzip notes in byte 9: the same bytes on every machine. */
function reproducibleGzip(bytes: Buffer): Buffer {
  const compressed = gzipSync(bytes, { level: 0 });
  compressed[9] = 255;
  return compressed;
}

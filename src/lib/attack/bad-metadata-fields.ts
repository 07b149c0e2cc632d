import { sha256Hex } from '../core/sha256.js';
import type { Metadata, PayloadEntry } from '../package/metadata.js';
import type { AttackCase, Expectation } from './attack-case.js';
import type { Forge } from './forge.js';

type Draft = { [field: string]: unknown };

/** Rows 13, 15 and 16: canonical, correctly signed metadata whose fields are wrong. */
export function* badMetadataFields(forge: Forge): Generator<AttackCase> {
  yield* wrongFields(forge);
  yield* wrongHashes(forge);
  yield* badNames(forge);
}

function* wrongFields(forge: Forge): Generator<AttackCase> {
  const fields: [string, Expectation, string, Draft][] = [
    [
      'unknown-critical',
      'METADATA_CRITICAL',
      'an unknown extension is critical',
      { critical: ['x-attack'], 'x-attack': 1 },
    ],
    [
      'long-critical',
      'METADATA_CRITICAL',
      'an unknown extension with a name of 500000 letters is critical',
      { critical: ['a'.repeat(500_000)] },
    ],
    [
      'encryption-critical',
      'METADATA_CRITICAL',
      'it is encrypted, which is not known',
      { critical: ['encryption'], encryption: {} },
    ],
    [
      'encryption-not-critical',
      'METADATA_INVALID',
      'it is encrypted but does not say that this is critical',
      { encryption: {} },
    ],
    ['critical-no-list', 'METADATA_INVALID', '"critical" is a string', { critical: 'x-attack' }],
    ['spec', 'METADATA_INVALID', 'it is of a later format version', { spec: 'ota-fleet/2' }],
    ['sequence-string', 'METADATA_INVALID', '"sequence" is a string', { sequence: '1' }],
    ['sequence-negative', 'METADATA_INVALID', '"sequence" is negative', { sequence: -1 }],
    ['sequence-fraction', 'METADATA_INVALID', '"sequence" is no whole number', { sequence: 1.5 }],
    ['counter-above-32-bits', 'METADATA_INVALID', '"securityCounter" is 2^32', { securityCounter: 2 ** 32 }],
    ['no-product', 'METADATA_INVALID', '"product" is missing', { product: undefined }],
    ['product-null', 'METADATA_INVALID', '"product" is null', { product: null }],
    ['no-models', 'METADATA_INVALID', 'it fits no model', { compatible: { models: [] } }],
    ['version', 'METADATA_INVALID', '"version" is not semantic', { version: 'latest' }],
    ['expiry', 'METADATA_INVALID', '"expiresAt" is no time', { expiresAt: 'never' }],
    ['expiry-without-zone', 'METADATA_INVALID', '"expiresAt" has no time zone', { expiresAt: '2099-01-01T00:00:00' }],
    ['no-payloads', 'METADATA_INVALID', 'it lists no payload', { payloads: [] }],
    ['payloads-object', 'METADATA_INVALID', '"payloads" is an object', { payloads: {} }],
  ];
  for (const [name, code, change, values] of fields) {
    yield edited(forge, 13, name, code, change, (draft) => Object.assign(draft, values));
  }
  yield ofPayload(forge, 13, 'format', 'METADATA_INVALID', 'a payload has an unknown format', { format: 'zip' });
  yield ofPayload(forge, 13, 'no-target', 'METADATA_INVALID', 'a payload has no target', { target: undefined });
  yield edited(forge, 13, 'array', 'METADATA_INVALID', 'a payload is an array', ({ payloads }) => {
    payloads[0] = [] as unknown as PayloadEntry;
  });
}

function* wrongHashes(forge: Forge): Generator<AttackCase> {
  const entry = forge.specimen.metadata.payloads[forge.payloadIndex]!;
  const zeros = '0'.repeat(64);
  const chunks = (change: (chunks: string[]) => string[]) => ({ chunkSha256: change([...entry.chunkSha256]) });
  // A size that needs the same number of chunks.
  const otherSize = entry.size % entry.chunkBytes === 0 ? entry.size - 1 : entry.size + 1;
  const isFull = entry.format === 'full';
  yield ofPayload(
    forge,
    15,
    'size',
    isFull ? 'METADATA_INVALID' : 'CONTAINER_INVALID',
    `the size of a payload is ${otherSize}, not ${entry.size}`,
    {
      size: otherSize,
    },
  );
  yield ofPayload(
    forge,
    15,
    'hash',
    isFull ? 'METADATA_INVALID' : 'PAYLOAD_MISMATCH',
    'the hash of a payload is that of other bytes',
    { sha256: zeros },
  );
  yield ofPayload(
    forge,
    15,
    'chunk-hash',
    'PAYLOAD_MISMATCH',
    'the hash of the last chunk is that of other bytes',
    chunks((all) => all.with(-1, zeros)),
  );
  const shapes: [string, string, Draft][] = [
    ['md5', 'a payload has an MD5 hash', { sha256: 'd41d8cd98f00b204e9800998ecf8427e' }],
    ['sha-1', 'a payload has a SHA-1 hash', { sha256: 'da39a3ee5e6b4b0d3255bfef95601890afd80709' }],
    ['upper-case', 'the hash of a payload is in upper case', { sha256: entry.sha256.toUpperCase() }],
    ['no-hash', 'a payload has no hash', { sha256: undefined }],
    [
      'hash-named-md5',
      'a payload has "md5" in the place of "sha256"',
      { sha256: undefined, md5: 'd41d8cd98f00b204e9800998ecf8427e' },
    ],
    [
      'weak-chunk-hash',
      'a chunk has a SHA-1 hash',
      chunks((all) => all.with(0, 'da39a3ee5e6b4b0d3255bfef95601890afd80709')),
    ],
    ['one-chunk-more', 'there is a hash for a chunk beyond the end', chunks((all) => [...all, zeros])],
    ['no-chunks', 'no chunk has a hash', { chunkSha256: [] }],
    ['chunk-of-one-byte', 'chunks are one byte', { chunkBytes: 1 }],
    ['chunk-no-power-of-two', 'chunks are 65537 bytes', { chunkBytes: 65_537 }],
    ['chunk-above-16-mib', 'chunks are 1 GiB', { chunkBytes: 2 ** 30 }],
    ['size-zero', 'the size of a payload is 0', { size: 0 }],
    ['size-above-8-gib', 'the size of a payload is 2^33', { size: 2 ** 33 }],
  ];
  for (const [name, change, values] of shapes) yield ofPayload(forge, 15, name, 'METADATA_INVALID', change, values);
  // Another file of the same size, as an attacker with a collision in a weak hash would have.
  const other = Buffer.alloc(forge.specimen.payload.bytes.length, sha256Hex(forge.specimen.payload.bytes));
  yield forge.case(
    15,
    'other-payload',
    'PAYLOAD_MISMATCH',
    'another payload of the same size lies in the container',
    forge.package({ metadata: forge.metadata(), payloads: [{ file: forge.specimen.payload.file, bytes: other }] }),
  );
}

function* badNames(forge: Forge): Generator<AttackCase> {
  const { file } = forge.specimen.payload;
  const names: [string, string][] = [
    ['parent', '../../etc/passwd'],
    ['absolute', '/etc/passwd'],
    ['backslash', '..\\..\\boot.bin'],
    ['drive', 'C:boot.bin'],
    ['nul', `${file}\0.txt`],
    ['bidi', `${file.slice(0, 3)}\u202e${file.slice(3)}`],
    ['zero-width', `${file}\u200b`],
    ['upper-case', file.toUpperCase()],
    ['empty', ''],
    ['metadata', 'metadata.json'],
    ['long', 'a'.repeat(500_000)],
    ['escape-sequence', '\u001b[2J'],
  ];
  for (const [name, value] of names) {
    yield ofPayload(forge, 16, name, 'METADATA_INVALID', `the file of a payload is ${quoted(value)}`, {
      file: value,
    });
  }
  const components: [string, string][] = [
    ['component-parent', '../x'],
    ['component-upper-case', 'APP'],
    ['component-long', 'a'.repeat(33)],
    ['component-bidi', 'a\u202eb'],
  ];
  for (const [name, value] of components) {
    const change = `the component of a payload is ${quoted(value)}`;
    yield ofPayload(forge, 16, name, 'METADATA_INVALID', change, { component: value });
  }
  yield edited(forge, 16, 'product-path', 'METADATA_INVALID', 'the product is "../x"', (draft) => {
    draft.product = '../x';
  });
  yield edited(forge, 16, 'listed-twice', 'METADATA_INVALID', 'a payload is listed twice', ({ payloads }) => {
    payloads.push(structuredClone(payloads[0]!));
  });
}

function edited(
  forge: Forge,
  row: number,
  name: string,
  code: Expectation,
  change: string,
  edit: (draft: Metadata) => void,
): AttackCase {
  return forge.case(row, name, code, change, forge.package({ metadata: forge.metadata(edit) }));
}

/** As {@link edited}, for the fields of the payload that lies in the container. */
function ofPayload(
  forge: Forge,
  row: number,
  name: string,
  code: Expectation,
  change: string,
  values: Draft,
): AttackCase {
  return edited(forge, row, name, code, change, ({ payloads }) => {
    Object.assign(payloads[forge.payloadIndex]!, values);
  });
}

/** For the index: names are long only to be long. */
function quoted(value: string): string {
  return value.length > 40 ? `${value.length} letters` : JSON.stringify(value);
}

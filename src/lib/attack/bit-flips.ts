import type { AttackCase } from './attack-case.js';
import { envelopeBytes, type Forge, flipBit, signatureBy } from './forge.js';
import { entryBytes, HEADER_FIELDS, type HeaderField, tarBytes } from './tar-bytes.js';

/** Row 1: any bit flipped, in every kind of byte that a package has. */
export function* bitFlips(forge: Forge): Generator<AttackCase> {
  yield* flipsInMetadata(forge);
  yield* flipsInSignature(forge);
  yield* flipsInPayload(forge);
  yield* flipsInHeaders(forge);
}

function* flipsInMetadata(forge: Forge): Generator<AttackCase> {
  const metadata = forge.metadata();
  const signature = forge.signature(metadata);
  for (const [place, position] of places(metadata)) {
    yield forge.case(
      1,
      `metadata-${place}`,
      'SIGNATURE_INVALID',
      `bit 0 of the ${place} byte of metadata.json flipped after signing`,
      forge.package({ metadata: flipBit(metadata, position), signature }),
    );
  }
  const sequence = metadata.indexOf('"sequence":') + '"sequence":'.length;
  yield forge.case(
    1,
    'metadata-sequence',
    'SIGNATURE_INVALID',
    'the first digit of "sequence" changed after signing',
    forge.package({ metadata: flipBit(metadata, sequence), signature }),
  );
}

function* flipsInSignature(forge: Forge): Generator<AttackCase> {
  const metadata = forge.metadata();
  const good = signatureBy(forge.release, metadata);
  for (const [half, position] of [
    ['r', 0],
    ['s', 32],
  ] as const) {
    yield forge.case(
      1,
      `signature-${half}`,
      'SIGNATURE_INVALID',
      `a bit of the half ${half.toUpperCase()} of the signature flipped`,
      forge.package({ metadata, signature: envelopeBytes([{ ...good, sig: flipBit(good.sig, position) }]) }),
    );
  }
  const text = forge.signature(metadata);
  yield forge.case(
    1,
    'signature-keyid',
    'KEY_UNTRUSTED',
    'a digit of the key id flipped: the signature now claims to be of an unknown key',
    forge.package({ metadata, signature: flipBit(text, text.indexOf(good.keyid) + good.keyid.search(/[0-9]/)) }),
  );
  const framing = [
    ['open', 0, 'JSON_INVALID', 'the opening brace'],
    ['field-name', text.indexOf('payloadType'), 'SIGNATURE_FILE_INVALID', 'the name of a field'],
    ['payload-type', text.indexOf('vnd.'), 'SIGNATURE_FILE_INVALID', 'the payload type'],
  ] as const;
  for (const [name, position, code, what] of framing) {
    yield forge.case(
      1,
      `signature-file-${name}`,
      code,
      `a bit of ${what} of signature.json flipped`,
      forge.package({ metadata, signature: flipBit(text, position) }),
    );
  }
  yield forge.case(
    1,
    'signature-file-space',
    'SIGNATURE_FILE_INVALID',
    'a space put into signature.json, which is then not canonical',
    forge.package({ metadata, signature: Buffer.concat([Buffer.from('{ '), text.subarray(1)]) }),
  );
}

function* flipsInPayload(forge: Forge): Generator<AttackCase> {
  const metadata = forge.metadata();
  const { file, bytes } = forge.specimen.payload;
  for (const [place, position] of places(bytes)) {
    yield forge.case(
      1,
      `payload-${place}`,
      'PAYLOAD_MISMATCH',
      `bit 0 of the ${place} byte of ${file} flipped`,
      forge.package({ metadata, payloads: [{ file, bytes: flipBit(bytes, position) }] }),
    );
  }
}

function* flipsInHeaders(forge: Forge): Generator<AttackCase> {
  const entries = forge.entries({ metadata: forge.metadata() });
  for (const [field, [offset]] of Object.entries(HEADER_FIELDS) as [HeaderField, readonly [number, number]][]) {
    for (const [at, part] of [
      [0, 'metadata'],
      [entries.length - 1, 'payload'],
    ] as const) {
      const spoilt = entries.with(at, { ...entries[at]!, header: (header) => flipBit(header, offset).copy(header) });
      yield forge.case(
        1,
        `header-${part}-${field}`,
        'CONTAINER_INVALID',
        `a bit of the field ${field} flipped in the header of ${entries[at]!.name}`,
        tarBytes(spoilt),
      );
    }
  }
  const whole = tarBytes(entries);
  yield forge.case(
    1,
    'end-block',
    'CONTAINER_INVALID',
    'a bit of the last zero block flipped',
    flipBit(whole, whole.length - 1),
  );
  const padding = entryBytes(entries[1]!).length - 1;
  yield forge.case(
    1,
    'padding',
    'CONTAINER_INVALID',
    'a bit flipped in the padding after signature.json',
    flipBit(whole, entryBytes(entries[0]!).length + padding),
  );
}

function places(bytes: Uint8Array): [string, number][] {
  return [
    ['first', 0],
    ['middle', Math.floor(bytes.length / 2)],
    ['last', bytes.length - 1],
  ];
}

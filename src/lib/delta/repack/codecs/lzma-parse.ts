import type { Codec } from '../codec.js';
import { ALONE_HEADER_BYTES, readAloneHeader } from '../lzma-parse/alone-header.js';
import { DecisionReader } from '../lzma-parse/decision-reader.js';
import { DecisionRecorder } from '../lzma-parse/decision-recorder.js';
import { decodeLzma } from '../lzma-parse/decode-lzma.js';
import { encodeLzma } from '../lzma-parse/encode-lzma.js';
import { NEAREST_MATCH_BYTES } from '../lzma-parse/nearest-match.js';

/** After content and record: how long the record's two parts are, the end marker, and the stream's own header. */
const TRAILER_BYTES = 4 + 4 + 1 + ALONE_HEADER_BYTES;
const NO_SETTINGS = new Uint8Array(0);
/** With them: the probabilities of a stream with the most context bits. */
const FIXED_BYTES = NEAREST_MATCH_BYTES + 7 * 1024 * 1024;

/**
 * LZMA streams (`.lzma`, UEFI sections) of any encoder.
 *
 * A stream unpacks to its content and a record of what its encoder decided; both together give the
 * stream back, whoever made it, and both are alike where two contents are alike. It costs some
 * percent of the stream in the patch, so it is for streams that no encoder at hand repeats.
 */
export const lzmaParse: Codec = {
  name: 'lzma-parse',
  version: 'ota-fleet lzma-parse 1',

  async decode(packed, maxBytes) {
    const { properties, contentBytes } = readAloneHeader(packed);
    const recorder = new DecisionRecorder();
    const stream = packed.subarray(ALONE_HEADER_BYTES);
    const decoded = decodeLzma(stream, properties, { contentBytes, maxBytes }, recorder.push);
    const { content, endMarker, streamBytes } = decoded;
    const { codes, distances } = recorder.finish();
    const unpacked = Buffer.alloc(content.length + codes.length + distances.length + TRAILER_BYTES);
    if (unpacked.length > maxBytes)
      throw new RangeError(`the LZMA stream unpacks to ${unpacked.length} bytes with its record`);
    unpacked.set(content);
    unpacked.set(codes, content.length);
    unpacked.set(distances, content.length + codes.length);
    const trailer = unpacked.subarray(-TRAILER_BYTES);
    trailer.writeUInt32LE(codes.length, 0);
    trailer.writeUInt32LE(distances.length, 4);
    trailer[8] = endMarker ? 1 : 0;
    trailer.set(packed.subarray(0, ALONE_HEADER_BYTES), 9);
    return { unpacked, packedBytes: ALONE_HEADER_BYTES + streamBytes };
  },

  candidates: () => [NO_SETTINGS],

  async encode(_settings, unpacked) {
    if (unpacked.length < TRAILER_BYTES) throw new RangeError('no content and record of an LZMA stream');
    const bytes = Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.length);
    const trailer = bytes.subarray(-TRAILER_BYTES);
    const distancesAt = bytes.length - TRAILER_BYTES - trailer.readUInt32LE(4);
    const codesAt = distancesAt - trailer.readUInt32LE(0);
    if (codesAt < 0) throw new RangeError('the record of an LZMA stream is longer than what it is in');
    const content = bytes.subarray(0, codesAt);
    const header = trailer.subarray(9);
    const { properties } = readAloneHeader(header);
    const reader = new DecisionReader(content, {
      codes: bytes.subarray(codesAt, distancesAt),
      distances: bytes.subarray(distancesAt, bytes.length - TRAILER_BYTES),
    });
    const stream = encodeLzma(content, reader.next, properties, trailer[8] !== 0);
    reader.requireEnd();
    return Buffer.concat([header, stream]);
  },

  decoderBytes: (unpackedBytes) => FIXED_BYTES + 8 * unpackedBytes,
  encoderBytes: (_settings, unpackedBytes) => FIXED_BYTES + 6 * unpackedBytes,
};

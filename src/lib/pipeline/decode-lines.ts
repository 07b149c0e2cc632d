import { type MessageKeyer, messageKeyer } from '../dedupe/message-key.js';
import { PayloadDigest } from '../dedupe/payload-digest.js';
import { derivedId } from '../telemetry/derived-id.js';
import { skipSpace } from '../telemetry/json-bytes.js';
import {
  ESCAPES,
  JsonLineScanner,
  MAX_ESCAPE_BYTES,
  MEMBER_STRIDE,
  type MemberName,
  memberName,
  NAME_START,
  VALUE_END,
  VALUE_ESCAPES,
  VALUE_START,
} from '../telemetry/json-line-scanner.js';
import { jsonStringText } from '../telemetry/json-text.js';
import type { LineChunk } from '../telemetry/line-chunk.js';
import { MAX_ID_BYTES, MAX_LINE_BYTES } from '../telemetry/message.js';
import { messageTime } from '../telemetry/message-time.js';
import type { DecodedBatch, Reject } from './decoded-batch.js';
import { DERIVED_MEMBER_BYTES, DerivedMembers } from './derived-members.js';
import { MessageColumns } from './message-columns.js';

export interface DecodeOptions {
  /** The store's, 16 bytes: keys and digests are made with it. */
  readonly secret: Uint8Array;
  /** What becomes of a message without an id. */
  readonly missingId: 'derive' | 'refuse';
  /** Bytes of payload digest that the store keeps for each message. */
  readonly digestBytes: 0 | 8;
  /** Names of members that the digest leaves out, such as a device's count of attempts. */
  readonly digestIgnore: readonly string[];
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const MESSAGE_ID = memberName('messageId');
const TIMESTAMP = memberName('timestamp');

/**
 * Makes a function that turns lines into messages with their keys, digests and times, and says why other lines
 * are none. It has buffers of its own: one chunk after the other.
 *
 * Lines of white space are skipped. Where `timestamp` stands twice the last one counts, as for JSON.parse; where
 * `messageId` does, two readers could see two messages, and the line is refused.
 */
export function lineDecoder(options: DecodeOptions): (chunk: Pick<LineChunk, 'bytes' | 'firstLine'>) => DecodedBatch {
  const decoder = new LineDecoder(options);
  return (chunk) => decoder.decode(chunk);
}

class LineDecoder {
  readonly #derivesIds: boolean;
  readonly #ignored: readonly MemberName[];
  readonly #keyer: MessageKeyer;
  readonly #digest: PayloadDigest | undefined;
  readonly #scanner = new JsonLineScanner();

  constructor(options: DecodeOptions) {
    this.#derivesIds = options.missingId === 'derive';
    this.#ignored = options.digestIgnore.map(memberName);
    this.#keyer = messageKeyer(options.secret);
    this.#digest = options.digestBytes === 8 ? new PayloadDigest(options.secret) : undefined;
  }

  decode({ bytes, firstLine }: Pick<LineChunk, 'bytes' | 'firstLine'>): DecodedBatch {
    if (bytes.length > 0 && bytes.at(-1) !== LINE_FEED) throw new RangeError('the chunk does not end with a line feed');
    const columns = new MessageColumns(64 + (bytes.length >>> 7), this.#digest === undefined ? 0 : 2);
    const derived = new DerivedMembers();
    const rejects: Reject[] = [];
    for (let start = 0, line = firstLine; start < bytes.length; line++) {
      let end = this.#scanner.scan(bytes, start);
      const shift = derived.shift;
      let cause: string | undefined;
      if (end >= 0) {
        cause = this.#add(columns, bytes, start, end, derived);
      } else {
        end = bytes.indexOf(LINE_FEED, this.#scanner.causeAt);
        if (skipSpace(bytes, start) < end) cause = this.#scannerCause(start, end);
      }
      if (cause !== undefined) rejects.push({ line, start: start + shift, end: end + shift, cause });
      start = end + 1;
    }
    const { count, starts, ends, idStarts, idEnds, keys, digests, timestamps } = columns;
    return {
      bytes: derived.insertedInto(bytes),
      count,
      starts,
      ends,
      idStarts,
      idEnds,
      keys,
      digests,
      timestamps,
      rejects,
      derivedIds: derived.count,
    };
  }

  #scannerCause(start: number, end: number): string {
    if (end - start > MAX_LINE_BYTES) return `longer than ${MAX_LINE_BYTES} bytes`;
    return `${this.#scanner.cause} at byte ${this.#scanner.causeAt - start + 1}`;
  }

  /** Adds the message that was scanned, or returns why it is none. `end`: its line feed. */
  #add(
    columns: MessageColumns,
    bytes: Uint8Array,
    start: number,
    end: number,
    derived: DerivedMembers,
  ): string | undefined {
    columns.reserve();
    const { members, memberCount } = this.#scanner;
    const index = columns.count;
    let id = -1;
    let time = Number.NaN;
    this.#digest?.reset();
    for (let member = 0; member < memberCount * MEMBER_STRIDE; member += MEMBER_STRIDE) {
      if (this.#scanner.isNamed(bytes, member, MESSAGE_ID)) {
        if (id >= 0) return 'several messageId members';
        id = member;
        continue;
      }
      if (this.#scanner.isNamed(bytes, member, TIMESTAMP)) {
        time = messageTime(bytes, members[member + VALUE_START]!, members[member + VALUE_END]!);
      }
      if (this.#digest !== undefined && !this.#isIgnored(bytes, member)) {
        this.#digest.add(bytes, members[member + NAME_START]! - 1, members[member + VALUE_END]!);
      }
    }
    columns.starts[index] = start + derived.shift;
    const cause =
      id < 0 ? this.#deriveId(columns, bytes, end - start, derived) : this.#readId(columns, bytes, id, derived.shift);
    if (cause !== undefined) return cause;
    columns.ends[index] = end + 1 + derived.shift;
    columns.timestamps[index] = time;
    this.#digest?.write(columns.digests, 2 * index);
    columns.count++;
    return undefined;
  }

  #isIgnored(bytes: Uint8Array, member: number): boolean {
    for (const name of this.#ignored) {
      if (this.#scanner.isNamed(bytes, member, name)) return true;
    }
    return false;
  }

  #readId(columns: MessageColumns, bytes: Uint8Array, member: number, shift: number): string | undefined {
    const { members } = this.#scanner;
    const start = members[member + VALUE_START]! + 1;
    const end = members[member + VALUE_END]! - 1;
    if (bytes[start - 1] !== QUOTE) return 'messageId is no text';
    const at = 4 * columns.count;
    let length = end - start;
    if ((members[member + ESCAPES]! & VALUE_ESCAPES) === 0) {
      if (length <= MAX_ID_BYTES) this.#keyer.write(bytes, start, end, columns.keys, at);
    } else if (length <= MAX_ESCAPE_BYTES * MAX_ID_BYTES) {
      const text = jsonStringText(bytes, start, end);
      // Such ids could not be told apart any more: UTF-8 has one replacement for all lone surrogates.
      if (!text.isWellFormed()) return 'messageId holds half a surrogate pair';
      const plain = Buffer.from(text, 'utf8');
      length = plain.length;
      if (length <= MAX_ID_BYTES) this.#keyer.write(plain, 0, length, columns.keys, at);
    }
    if (length === 0) return 'messageId is empty';
    if (length > MAX_ID_BYTES) return `messageId is longer than ${MAX_ID_BYTES} bytes`;
    columns.idStarts[columns.count] = start + shift;
    columns.idEnds[columns.count] = end + shift;
    return undefined;
  }

  #deriveId(columns: MessageColumns, bytes: Uint8Array, length: number, derived: DerivedMembers): string | undefined {
    if (!this.#derivesIds) return 'no messageId';
    // The line is read again from the output, where the same limit holds.
    if (length + DERIVED_MEMBER_BYTES > MAX_LINE_BYTES) return `longer than ${MAX_LINE_BYTES} bytes with a derived id`;
    const { objectStart, objectEnd, memberCount } = this.#scanner;
    const id = derivedId(bytes.subarray(objectStart, objectEnd));
    this.#keyer.write(Buffer.from(id, 'latin1'), 0, id.length, columns.keys, 4 * columns.count);
    const start = derived.add(objectStart + 1, id, memberCount === 0);
    columns.idStarts[columns.count] = start;
    columns.idEnds[columns.count] = start + id.length;
    return undefined;
  }
}

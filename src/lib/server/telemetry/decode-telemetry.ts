import { randomUUID } from 'node:crypto';
import { derivedKey, type MessageKeyer, messageKeyer } from '../../dedupe/message-key.js';
import { PayloadDigest } from '../../dedupe/payload-digest.js';
import { derivedId } from '../../telemetry/derived-id.js';
import { skipSpace } from '../../telemetry/json-bytes.js';
import {
  ESCAPES,
  JsonLineScanner,
  MEMBER_STRIDE,
  memberName,
  NAME_START,
  VALUE_END,
  VALUE_ESCAPES,
  VALUE_START,
} from '../../telemetry/json-line-scanner.js';
import { jsonStringText } from '../../telemetry/json-text.js';
import { MAX_ID_BYTES, MAX_LINE_BYTES } from '../../telemetry/message.js';
import { messageTime } from '../../telemetry/message-time.js';
import { TELEMETRY_MAX_PROBLEMS, type TelemetryProblem } from '../../wire/telemetry.js';

/** Longest name of a device, UTF-16 code units. */
export const MAX_DEVICE_LENGTH = 256;
/** Of `type`; a longer one counts as none. */
const MAX_TYPE_BYTES = 128;

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const OPEN_OBJECT = Buffer.from('{');
const MESSAGE_ID = memberName('messageId');
const DEVICE_ID = memberName('deviceId');
const VIN = memberName('vin');
const TIMESTAMP = memberName('timestamp');
const TYPE = memberName('type');

/** Lines of one tenant, and who sent them. */
export interface TelemetryLines {
  /** NDJSON; every line ended by a line feed. */
  readonly bytes: Uint8Array;
  /** All lines are of this device, or each of the one that stands at its place. Without it the lines say it. */
  readonly device?: string | readonly string[];
  /** Time of what tells none, milliseconds since 1970. */
  readonly receivedAt: number;
  /** Number of the first line; 1 without it. */
  readonly firstLine?: number;
}

/** The messages among some lines, in columns. */
export interface DecodedTelemetry {
  readonly receivedAt: number;
  count: number;
  readonly messages: Uint8Array[];
  readonly devices: string[];
  readonly types: (string | null)[];
  /** Milliseconds since 1970. */
  readonly times: number[];
  /** From 1. */
  readonly lineNumbers: number[];
  /** 4 words for each message, 2 for its digest. */
  keys: Uint32Array;
  digests: Uint32Array;
  refused: number;
  readonly problems: TelemetryProblem[];
}

/**
 * Reads the messages of a tenant: docs/telemetry-messages.md. Ids of different tenants have keys of their own, so that
 * they never meet in a store.
 *
 * A message without an id gets one, and carries it as its first member: where it has a timestamp one that is made of
 * its device and its bytes, the same whenever it is sent; otherwise a new one each time, since nobody can tell
 * two readings that are alike from one that was sent twice.
 *
 * Has buffers of its own: one call after the other.
 *
 * @param secret of the tenant, 16 bytes
 */
export class TelemetryDecoder {
  readonly #scanner = new JsonLineScanner();
  readonly #keyer: MessageKeyer;
  readonly #digest: PayloadDigest;

  constructor(secret: Uint8Array) {
    this.#keyer = messageKeyer(secret);
    this.#digest = new PayloadDigest(secret);
  }

  decode({ bytes, device, receivedAt, firstLine = 1 }: TelemetryLines): DecodedTelemetry {
    const capacity = 16 + (bytes.length >>> 6);
    const decoded: DecodedTelemetry = {
      receivedAt,
      count: 0,
      messages: [],
      devices: [],
      types: [],
      times: [],
      lineNumbers: [],
      keys: new Uint32Array(4 * capacity),
      digests: new Uint32Array(2 * capacity),
      refused: 0,
      problems: [],
    };
    for (let start = 0, line = firstLine; start < bytes.length; line++) {
      let end = this.#scanner.scan(bytes, start);
      let cause: string | undefined;
      if (end >= 0) {
        cause = this.#add(decoded, bytes, line, typeof device === 'object' ? device[line - 1] : device);
      } else {
        end = bytes.indexOf(LINE_FEED, this.#scanner.causeAt);
        if (skipSpace(bytes, start) < end) cause = this.#scannerCause(start, end);
      }
      if (cause !== undefined) refuse(decoded, line, cause);
      start = end + 1;
    }
    return decoded;
  }

  #scannerCause(start: number, end: number): string {
    if (end - start > MAX_LINE_BYTES) return `longer than ${MAX_LINE_BYTES} bytes`;
    return `${this.#scanner.cause} at byte ${this.#scanner.causeAt - start + 1}`;
  }

  /** Adds the message that was scanned, or returns why it is none. */
  #add(decoded: DecodedTelemetry, bytes: Uint8Array, line: number, sender: string | undefined): string | undefined {
    const scanner = this.#scanner;
    const { members, memberCount, objectStart, objectEnd } = scanner;
    let id = -1;
    let deviceId = -1;
    let vin = -1;
    let type = -1;
    let time = Number.NaN;
    this.#digest.reset();
    for (let member = 0; member < memberCount * MEMBER_STRIDE; member += MEMBER_STRIDE) {
      if (scanner.isNamed(bytes, member, MESSAGE_ID)) {
        if (id >= 0) return 'several messageId members';
        id = member;
        continue;
      }
      if (scanner.isNamed(bytes, member, DEVICE_ID)) deviceId = member;
      else if (scanner.isNamed(bytes, member, VIN)) vin = member;
      else if (scanner.isNamed(bytes, member, TYPE)) type = member;
      else if (scanner.isNamed(bytes, member, TIMESTAMP)) {
        time = messageTime(bytes, members[member + VALUE_START]!, members[member + VALUE_END]!);
      }
      this.#digest.add(bytes, members[member + NAME_START]! - 1, members[member + VALUE_END]!);
    }
    const named = deviceId >= 0 ? deviceId : sender === undefined ? vin : -1;
    const name = named < 0 ? undefined : this.#text(bytes, named);
    if (named >= 0 && (name === undefined || !isStorable(name))) return 'deviceId is no text';
    if (sender !== undefined && name !== undefined && name !== sender) return "deviceId is another device's";
    const device = sender ?? name;
    if (device === undefined) return 'no deviceId';
    if (device === '' || device.length > MAX_DEVICE_LENGTH)
      return `deviceId has not 1 to ${MAX_DEVICE_LENGTH} characters`;
    const index = decoded.count;
    reserve(decoded);
    let message: Uint8Array = bytes.subarray(objectStart, objectEnd);
    if (id >= 0) {
      const cause = this.#readId(decoded, bytes, id);
      if (cause !== undefined) return cause;
    } else {
      const text = Number.isNaN(time) ? randomUUID() : derivedId(Buffer.concat([Buffer.from(`${device}\n`), message]));
      this.#keyer.write(Buffer.from(text, 'latin1'), 0, text.length, decoded.keys, 4 * index);
      const member = `"messageId":"${text}"${memberCount === 0 ? '' : ','}`;
      message = Buffer.concat([OPEN_OBJECT, Buffer.from(member), message.subarray(1)]);
      if (message.length > MAX_LINE_BYTES) return `longer than ${MAX_LINE_BYTES} bytes with an id`;
    }
    this.#digest.write(decoded.digests, 2 * index);
    decoded.messages.push(message);
    decoded.devices.push(device);
    decoded.types.push(type < 0 ? null : this.#shortText(bytes, type));
    decoded.times.push(Number.isNaN(time) ? decoded.receivedAt : time);
    decoded.lineNumbers.push(line);
    decoded.count++;
    return undefined;
  }

  /** Undefined where the value is no string. */
  #text(bytes: Uint8Array, member: number): string | undefined {
    const { members } = this.#scanner;
    const start = members[member + VALUE_START]!;
    return bytes[start] === QUOTE ? jsonStringText(bytes, start + 1, members[member + VALUE_END]! - 1) : undefined;
  }

  #shortText(bytes: Uint8Array, member: number): string | null {
    const { members } = this.#scanner;
    if (members[member + VALUE_END]! - members[member + VALUE_START]! > MAX_TYPE_BYTES) return null;
    const text = this.#text(bytes, member);
    return text !== undefined && isStorable(text) ? text : null;
  }

  #readId(decoded: DecodedTelemetry, bytes: Uint8Array, member: number): string | undefined {
    const { members } = this.#scanner;
    const start = members[member + VALUE_START]! + 1;
    const end = members[member + VALUE_END]! - 1;
    if (bytes[start - 1] !== QUOTE) return 'messageId is no text';
    const at = 4 * decoded.count;
    let length = end - start;
    if ((members[member + ESCAPES]! & VALUE_ESCAPES) === 0) {
      if (length <= MAX_ID_BYTES) this.#keyer.write(bytes, start, end, decoded.keys, at);
    } else {
      const text = jsonStringText(bytes, start, end);
      // Such ids could not be told apart any more: UTF-8 has one replacement for all lone surrogates.
      if (!text.isWellFormed()) return 'messageId holds half a surrogate pair';
      const plain = Buffer.from(text, 'utf8');
      length = plain.length;
      if (length <= MAX_ID_BYTES) this.#keyer.write(plain, 0, length, decoded.keys, at);
    }
    if (length === 0) return 'messageId is empty';
    return length > MAX_ID_BYTES ? `messageId is longer than ${MAX_ID_BYTES} bytes` : undefined;
  }
}

/** A secret of its own for each tenant, so that the same id has another key. @param secret 16 bytes */
export function tenantSecret(secret: Uint8Array, tenantId: number): Uint8Array {
  return new Uint8Array(derivedKey(secret, `tenant ${tenantId}`).buffer);
}

/** Whether every database keeps it as it is. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function refuse(decoded: DecodedTelemetry, line: number, cause: string): void {
  decoded.refused++;
  if (decoded.problems.length < TELEMETRY_MAX_PROBLEMS) decoded.problems.push({ line, kind: 'refused', cause });
}

function reserve(decoded: DecodedTelemetry): void {
  if (4 * decoded.count < decoded.keys.length) return;
  const keys = new Uint32Array(2 * decoded.keys.length);
  keys.set(decoded.keys);
  decoded.keys = keys;
  const digests = new Uint32Array(2 * decoded.digests.length);
  digests.set(decoded.digests);
  decoded.digests = digests;
}

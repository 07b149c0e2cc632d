import { randomNumbers } from '../core/random-numbers.js';
import { type IdKind, idWriter } from './generated-id.js';
import { LineWriter } from './line-writer.js';
import { Vehicle } from './vehicle.js';

/** What one seed can number without repeating an id. */
export const MAX_LINES = 1e9;
export const MAX_VEHICLES = 1e6;

export interface TelemetryPlan {
  readonly seed: number;
  /** At most MAX_VEHICLES. */
  readonly vehicles: number;
  /** Lines in all, at most MAX_LINES: repeated and malformed ones included. */
  readonly lines: number;
  /** Time of the first messages, milliseconds since 1970. */
  readonly startMs: number;
  readonly ids: IdKind;
  /** Shares of messages, each from 0 to 1. */
  readonly faults: DeliveryFaults;
}

/** What goes wrong between a vehicle and its server. */
export interface DeliveryFaults {
  /** Sent again with the same id and payload, up to two minutes later. */
  readonly duplicate: number;
  /** Held back where there is no network, and sent all together once there is: up to a quarter of an hour late. */
  readonly late: number;
  /** Sent again with the same id and another payload. */
  readonly conflict: number;
  /** Followed by a line that is no message. */
  readonly malformed: number;
}

/** What was generated: what a replay through a window that is large enough has to find. */
export interface TelemetryTally {
  lines: number;
  /** Distinct message ids. */
  messages: number;
  duplicates: number;
  conflicts: number;
  malformed: number;
  bytes: number;
}

export interface GeneratedLines {
  /** Whole lines, in a buffer of their own. */
  readonly bytes: Uint8Array;
  /** Lines so far, these included. */
  readonly lines: number;
}

const CHUNK_BYTES = 256 * 1024;
/** Room for what one message can become beyond a full chunk: itself, two copies, half a line. */
const MARGIN_BYTES = 16_384;
/** More seconds than anything lies ahead: the longest stay without network, a late arrival, a retry. */
const WHEEL_SECONDS = 2048;
const FIRST_STEP_SECONDS = 900;
const MIN_STAY_SECONDS = 20;
const MAX_STAY_SECONDS = 900;
/** Messages of one stay without network, on average. */
const MESSAGES_PER_STAY = 70;
/** Share of messages that the network holds up for a moment. */
const JITTER_SHARE = 0.1;
const MAX_JITTER_SECONDS = 3;
const MAX_RETRY_SECONDS = 128;
const LINE_FEED = 0x0a;
const BEFORE_ID = Buffer.from('{"messageId":"');
const BEFORE_TYPE = Buffer.from('Z","type":"');
const LINE_END = Buffer.from('}\n');

type Kind = 'messages' | 'duplicates' | 'conflicts' | 'malformed';

interface Sender {
  readonly vehicle: Vehicle;
  readonly beforeTime: Uint8Array;
  offlineUntil: number;
}

/** On its way through the network. */
interface Underway {
  readonly line: Uint8Array;
  readonly kind: Kind;
}

/**
 * Telemetry of vehicles that drive, park and break down, as a server would receive it: about 250 bytes a line, in the
 * order of arrival. The same plan gives the same bytes.
 *
 * @returns chunks of whole lines; and the tally
 */
export function generateTelemetry(plan: TelemetryPlan): Generator<GeneratedLines, TelemetryTally> {
  return new Traffic(plan).chunks();
}

class Traffic {
  readonly #plan: TelemetryPlan;
  readonly #random: () => number;
  readonly #writeId: ReturnType<typeof idWriter>;
  readonly #stepsAt = wheel<Sender>();
  readonly #arrivalsAt = wheel<Underway>();
  readonly #tally: TelemetryTally;
  readonly #writer = new LineWriter(CHUNK_BYTES + MARGIN_BYTES);
  #numbered = 0;

  constructor(plan: TelemetryPlan) {
    this.#plan = plan;
    this.#random = randomNumbers(plan.seed);
    this.#writeId = idWriter(plan.ids, plan.seed, this.#random);
    this.#tally = { lines: 0, messages: 0, duplicates: 0, conflicts: 0, malformed: 0, bytes: 0 };
    for (let index = 0; index < plan.vehicles; index++) {
      const vehicle = new Vehicle(index, this.#random);
      const beforeTime = Buffer.from(`","vin":"${vehicle.vin}","timestamp":"`);
      this.#stepsAt[Math.trunc(this.#random() * FIRST_STEP_SECONDS)]!.push({ vehicle, beforeTime, offlineUntil: 0 });
    }
  }

  *chunks(): Generator<GeneratedLines, TelemetryTally> {
    const { lines, startMs } = this.#plan;
    for (let second = 0; this.#tally.lines < lines; second++) {
      for (const { line, kind } of taken(this.#arrivalsAt, second)) {
        this.#arrive(line, kind);
        if (this.#isFull) yield this.#taken();
      }
      const now = new Date(startMs + second * 1000);
      const [hour, timeText] = [now.getUTCHours(), Buffer.from(now.toISOString().slice(0, 20))];
      for (const sender of taken(this.#stepsAt, second)) {
        const seconds = sender.vehicle.step(second, hour);
        this.#stepsAt[(second + seconds) % WHEEL_SECONDS]!.push(sender);
        this.#send(sender, second, now.getTime(), timeText);
        if (this.#isFull) yield this.#taken();
      }
    }
    if (this.#writer.end > 0) yield this.#taken();
    return this.#tally;
  }

  /** Writes a message and sends it off, with what goes wrong on its way. */
  #send(sender: Sender, second: number, secondMs: number, timeText: Uint8Array): void {
    const writer = this.#writer;
    const start = writer.end;
    const milliseconds = Math.trunc(this.#random() * 1000);
    writer.text(BEFORE_ID);
    this.#writeId(writer, this.#numbered++, secondMs + milliseconds);
    writer.text(sender.beforeTime);
    writer.text(timeText);
    writer.digits(milliseconds, 3);
    const timeEnd = writer.end - start;
    writer.text(BEFORE_TYPE);
    sender.vehicle.write(writer);
    writer.text(LINE_END);
    const line = writer.bytes.subarray(start, writer.end);
    writer.end = start;

    const { duplicate, conflict, malformed } = this.#plan.faults;
    const arrival = second + this.#delaySeconds(sender, second);
    this.#deliver(line, 'messages', arrival, second);
    if (this.#random() < duplicate) this.#deliver(line, 'duplicates', arrival + this.#retrySeconds(), second);
    if (this.#random() < conflict) {
      const other = line.slice();
      other[timeEnd - 1] = other[timeEnd - 1]! ^ 1; // another digit
      this.#deliver(other, 'conflicts', arrival + this.#retrySeconds(), second);
    }
    if (this.#random() < malformed) {
      const half = line.slice(0, 2 + Math.trunc(this.#random() * (line.length - 4)));
      half[half.length - 1] = LINE_FEED;
      this.#deliver(half, 'malformed', arrival, second);
    }
  }

  #delaySeconds(sender: Sender, second: number): number {
    if (second < sender.offlineUntil) return sender.offlineUntil - second;
    if (this.#random() < this.#plan.faults.late / MESSAGES_PER_STAY) {
      const stay = MIN_STAY_SECONDS + Math.trunc(this.#random() * (MAX_STAY_SECONDS - MIN_STAY_SECONDS));
      sender.offlineUntil = second + stay;
      return stay;
    }
    return this.#random() < JITTER_SHARE ? 1 + Math.trunc(this.#random() * MAX_JITTER_SECONDS) : 0;
  }

  #retrySeconds(): number {
    return Math.trunc(MAX_RETRY_SECONDS ** this.#random()) - 1;
  }

  #deliver(line: Uint8Array, kind: Kind, arrival: number, second: number): void {
    if (arrival === second) this.#arrive(line, kind);
    else this.#arrivalsAt[arrival % WHEEL_SECONDS]!.push({ line: line.slice(), kind });
  }

  #arrive(line: Uint8Array, kind: Kind): void {
    const tally = this.#tally;
    if (tally.lines === this.#plan.lines) return;
    tally.lines++;
    tally[kind]++;
    tally.bytes += line.length;
    const { bytes, end } = this.#writer;
    if (line.buffer === bytes.buffer && line.byteOffset === end) this.#writer.end += line.length;
    else this.#writer.text(line);
  }

  #taken(): GeneratedLines {
    return { bytes: this.#writer.take(), lines: this.#tally.lines };
  }

  get #isFull(): boolean {
    return this.#writer.end >= CHUNK_BYTES;
  }
}

/** What happens in each of the next seconds. */
function wheel<T>(): T[][] {
  return Array.from({ length: WHEEL_SECONDS }, () => []);
}

function taken<T>(wheelOf: T[][], second: number): T[] {
  const slot = second % WHEEL_SECONDS;
  const due = wheelOf[slot]!;
  if (due.length > 0) wheelOf[slot] = [];
  return due;
}

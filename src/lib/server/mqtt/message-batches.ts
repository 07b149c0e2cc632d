import { MAX_LINE_BYTES } from '../../telemetry/message.js';
import type { Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import type { MqttIdentity } from './mqtt-identity.js';

/** Of one batch. */
const MAX_MESSAGES = 16_384;
const MAX_BYTES = 4 * 1024 * 1024;
/** Batches of a tenant on their way: the next one is read while one is written. */
const BATCHES_UNDER_WAY = 2;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** What somebody sent in the name of a device. */
export interface DeviceMessage {
  readonly device: string;
  readonly payload: Uint8Array;
  /** Told when it is durable, or was refused for what it is: sent again it would be again. Otherwise why it is not. */
  readonly done: (failure: Error | undefined) => void;
}

/** Joins the single messages of many connections into batches, which grow while the ones before are being written. */
export class MessageBatches {
  readonly #server: Pick<ServerContext, 'telemetry' | 'clock'>;
  readonly #queues = new Map<string, Queue>();

  constructor(server: Pick<ServerContext, 'telemetry' | 'clock'>) {
    this.#server = server;
  }

  add(sender: MqttIdentity, message: DeviceMessage): void {
    // Whoever speaks for others may name devices that nobody knows.
    const isKnown = sender.kind === 'device';
    const key = `${sender.tenant.id} ${isKnown}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new Queue(sender.tenant, isKnown, this.#server);
      this.#queues.set(key, queue);
    }
    queue.add(message);
  }
}

class Queue {
  readonly #tenant: Tenant;
  readonly #isKnown: boolean;
  readonly #server: Pick<ServerContext, 'telemetry' | 'clock'>;
  #waiting: DeviceMessage[] = [];
  #underWay = 0;
  #isScheduled = false;

  constructor(tenant: Tenant, isKnown: boolean, server: Pick<ServerContext, 'telemetry' | 'clock'>) {
    this.#tenant = tenant;
    this.#isKnown = isKnown;
    this.#server = server;
  }

  add(message: DeviceMessage): void {
    this.#waiting.push(message);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#underWay === BATCHES_UNDER_WAY || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    // Behind what other connections have sent by now.
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    const batch = this.#nextBatch();
    this.#underWay++;
    this.#schedule();
    const failure = await this.#keep(batch).then(
      () => undefined,
      (error: Error) => error,
    );
    this.#underWay--;
    for (const { done } of batch) done(failure);
    this.#schedule();
  }

  async #keep(messages: readonly DeviceMessage[]): Promise<void> {
    const { telemetry, clock } = this.#server;
    const now = clock.now().getTime();
    const device = messages.map((message) => message.device);
    const batch = { tenant: this.#tenant, path: 'mqtt', bytes: linesOf(messages), device, receivedAt: now } as const;
    await (this.#isKnown ? telemetry.keep(batch) : telemetry.keepOfKnown(batch, now));
  }

  #nextBatch(): DeviceMessage[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < MAX_MESSAGES && bytes < MAX_BYTES) {
      bytes += this.#waiting[count++]!.payload.length;
    }
    return this.#waiting.splice(0, count);
  }
}

/** One message on each line: a line feed in a payload is white space of its JSON, or nothing that JSON allows. */
function linesOf(batch: readonly DeviceMessage[]): Uint8Array {
  const size = batch.reduce((sum, { payload }) => sum + Math.min(payload.length, MAX_LINE_BYTES + 1) + 1, 0);
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const { payload } of batch) {
    // Longer than a message may be, and so refused.
    const line = payload.length > MAX_LINE_BYTES ? payload.subarray(0, MAX_LINE_BYTES + 1) : payload;
    bytes.set(line, at);
    const end = at + line.length;
    if (line.includes(LINE_FEED) || line.includes(CARRIAGE_RETURN)) {
      for (let i = at; i < end; i++) if (bytes[i] === LINE_FEED || bytes[i] === CARRIAGE_RETURN) bytes[i] = SPACE;
    }
    at = end;
    bytes[at++] = LINE_FEED;
  }
  return bytes;
}

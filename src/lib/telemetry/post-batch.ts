import { createHash } from 'node:crypto';
import type { AcceptedMessages } from './sink.js';

const BATCH_MESSAGES = 4_096;
const BATCH_BYTES = 4 * 1024 * 1024;
const LINE_FEED = Buffer.from('\n');

type Message = { readonly id: string; readonly line: Uint8Array };

/** Messages for one request. */
export class PostBatch {
  readonly #messages: readonly Message[];

  constructor(messages: readonly Message[]) {
    this.#messages = messages;
  }

  get count(): number {
    return this.#messages.length;
  }

  /** NDJSON. */
  get body(): Buffer {
    return Buffer.concat(this.#messages.flatMap(({ line }) => [line, LINE_FEED]));
  }

  /** Names these messages in this order: 128 bits of SHA-256 over the JSON array of their ids, in hexadecimal. */
  get key(): string {
    const ids = this.#messages.map(({ id }) => id);
    return createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 32);
  }

  /** Two batches of at least one message each, in order. */
  halves(): [PostBatch, PostBatch] {
    const middle = this.#messages.length >>> 1;
    return [new PostBatch(this.#messages.slice(0, middle)), new PostBatch(this.#messages.slice(middle))];
  }
}

/** Divides messages into requests of bounded count and size; a single message may be larger. */
export function* postBatches(messages: AcceptedMessages): Generator<PostBatch> {
  let batch: Message[] = [];
  let bytes = 0;
  for (const message of messages.messages()) {
    const lineBytes = message.line.length + 1;
    if (batch.length === BATCH_MESSAGES || (batch.length > 0 && bytes + lineBytes > BATCH_BYTES)) {
      yield new PostBatch(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += lineBytes;
  }
  if (batch.length > 0) yield new PostBatch(batch);
}

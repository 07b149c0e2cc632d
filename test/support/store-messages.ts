import { hash } from 'node:crypto';
import type { Checkpoint, KeyBatch } from '../../src/lib/dedupe/store.js';

/** A message as the store sees it: which id, and which payload. */
export interface Message {
  readonly id: number;
  readonly payload: number;
}

const keys = new Map<number, Uint32Array>();

/** 16 uniform bytes for an id, as messageKeyer makes them. */
export function keyOf(id: number): Uint32Array {
  let key = keys.get(id);
  if (key === undefined) {
    key = new Uint32Array(Uint8Array.from(hash('sha256', `id ${id}`, 'buffer').subarray(0, 16)).buffer);
    keys.set(id, key);
  }
  return key;
}

export function batchOf(messages: readonly Message[], digestBytes: 0 | 8): KeyBatch {
  const keys = new Uint32Array(messages.length * 4);
  const digests = new Uint32Array(messages.length * 2);
  messages.forEach(({ id, payload }, index) => {
    keys.set(keyOf(id), index * 4);
    digests.set([payload, ~payload], index * 2);
  });
  return { count: messages.length, keys, ...(digestBytes > 0 && { digests }) };
}

/** The label that a checkpoint was committed with. */
export function labelOf({ data }: Checkpoint): number {
  return Number(Buffer.from(data).toString());
}

export function dataOf(label: number): Uint8Array {
  return Buffer.from(String(label));
}

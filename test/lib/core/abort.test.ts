import { describe, expect, test } from 'vitest';
import { throwIfAborted, untilAborted } from '../../../src/lib/core/abort.js';
import { OtaError } from '../../../src/lib/core/errors.js';

describe('throwIfAborted', () => {
  test('passes without a signal and before it is raised', () => {
    throwIfAborted();
    throwIfAborted(new AbortController().signal);
  });

  test('throws the reason when it is one of ours', () => {
    const reason = new OtaError('TERMINATED', 'Terminated');
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrow(reason);
  });

  test('any other reason counts as an interruption', () => {
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow(expect.objectContaining({ code: 'INTERRUPTED' }));
  });
});

describe('untilAborted', () => {
  async function* counting(ended: string[]) {
    try {
      for (let count = 0; count < 5; count++) yield count;
    } finally {
      ended.push('ended');
    }
  }

  const listened = () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    return { signal, listeners: () => listeners };
  };

  test.each([undefined, new AbortController().signal])('passes everything through', async (signal) => {
    const seen: number[] = [];
    for await (const count of untilAborted(counting([]), signal)) seen.push(count);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  test('ends the source when the consumer leaves, and stops listening', async () => {
    const ended: string[] = [];
    const { signal, listeners } = listened();
    for await (const _ of untilAborted(counting(ended), signal)) break;
    expect(ended).toEqual(['ended']);
    expect(listeners()).toBe(0);
  });

  test('does not wait for a silent source', async () => {
    const abort = new AbortController();
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const reading = untilAborted(silent, abort.signal).next();
    abort.abort(new OtaError('INTERRUPTED', 'Interrupted'));
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('a failure of the source is its own', async () => {
    const failure = new OtaError('NETWORK_FAILED', 'gone');
    const failing = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(failure) }) };
    const reading = untilAborted(failing, new AbortController().signal).next();
    await expect(reading).rejects.toBe(failure);
  });
});

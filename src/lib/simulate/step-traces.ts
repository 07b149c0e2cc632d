import type { DeviceFs } from '../device/device-fs.js';
import type { SimulatedFs } from './simulated-fs.js';

/** A call that reads, and what tells its answers apart. */
export interface AskedCall {
  kind: 'list' | 'size' | 'read';
  name: string;
  position: number;
  length: number;
}

/** A call that changes something. `progress` is what the step had come to before it. */
export interface DoneCall<Progress> {
  kind: 'change';
  progress: Progress;
  repeat(fs: DeviceFs): Promise<void>;
  /** Bytes that it holds. */
  bytes: number;
}

export type TracedCall<Progress> = (AskedCall & { answer: string }) | DoneCall<Progress>;

interface Node<Progress, Result> {
  call?: AskedCall | DoneCall<Progress>;
  /** What follows, by answer; after a change by the empty string. */
  next: Map<string, Node<Progress, Result>>;
  result?: Result;
}

/** Beyond that a trace is not worth its memory. */
const CALLS_AT_MOST = 256;
const BYTES_AT_MOST = 16 * 1024;
const TRACES_AT_MOST = 20_000;

/**
 * Steps that were run, by what they asked of the disk and what they were told. A program that starts from its files
 * alone and is told the same does the same: it need not be run again, whatever lies in files that it did not look at.
 */
export class StepTraces<Progress, Result> {
  readonly #roots = new Map<string, Node<Progress, Result>>();
  #count = 0;

  /**
   * Repeats on `fs` what a known step of this name did.
   *
   * @param onChange called before each change
   * @returns undefined, with `fs` perhaps changed, where it is told something new
   */
  async repeat(
    name: string,
    fs: SimulatedFs,
    onChange: (progress: Progress) => void,
  ): Promise<{ result: Result } | undefined> {
    let node = this.#roots.get(name);
    while (node !== undefined) {
      const { call } = node;
      if (call === undefined) return { result: node.result! };
      if (call.kind === 'change') {
        onChange(call.progress);
        try {
          await call.repeat(fs);
        } catch {
          return undefined; // flash that is not erased here
        }
        node = node.next.get('');
      } else node = node.next.get(fs.answerTo(call));
    }
    return undefined;
  }

  add(name: string, calls: readonly TracedCall<Progress>[], result: Result): void {
    const bytes = calls.reduce((sum, call) => sum + (call.kind === 'change' ? call.bytes : 0), 0);
    if (calls.length > CALLS_AT_MOST || bytes > BYTES_AT_MOST) return;
    if (this.#count++ >= TRACES_AT_MOST) {
      this.#count = 1;
      this.#roots.clear();
    }
    let node: Node<Progress, Result> = this.#roots.get(name) ?? { next: new Map() };
    this.#roots.set(name, node);
    for (const call of calls) {
      node.call ??= call;
      const answer = call.kind === 'change' ? '' : call.answer;
      const next: Node<Progress, Result> = node.next.get(answer) ?? { next: new Map() };
      node.next.set(answer, next);
      node = next;
    }
    node.result = result;
  }
}

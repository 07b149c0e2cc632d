import type { FleetEvent, GapEvent } from '../../lib/wire/events.js';

/** A hole in what a broker sends: it keeps nothing for watchers. */
export type BrokerGap = {
  readonly type: 'gap';
  /** RFC 3339: when it went on. */
  readonly time: string;
} & (
  | { readonly cause: 'disconnected'; readonly seconds: number }
  /** More came than was read. */
  | { readonly cause: 'slow'; readonly atMost: number }
);

export type TailEvent = FleetEvent | GapEvent | BrokerGap;

export interface TailItem {
  readonly event: TailEvent;
  /** Where a later run goes on behind this event; brokers have no such place. */
  readonly cursor?: string;
}

/** Where the events of a tail come from. */
export interface Feed {
  /**
   * What came together, in order. Ends with the signal, or throws as `followEvents`.
   *
   * @param onConnected from now on nothing is missed
   */
  follow(signal: AbortSignal, onConnected: () => void): AsyncIterable<TailItem[]>;
}

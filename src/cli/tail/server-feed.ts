import type { OtaError } from '../../lib/core/errors.js';
import { followEvents } from '../../lib/fleet-api/event-stream.js';
import type { FleetClient } from '../../lib/fleet-api/fleet-client.js';
import { type EventQuery, formatPosition, type StreamPosition } from '../../lib/wire/events.js';
import type { Feed } from './feed.js';

/** The events of a fleet server. */
export function serverFeed(
  client: FleetClient,
  options: {
    readonly query: EventQuery;
    readonly position: StreamPosition | undefined;
    readonly lostAfterMs: number;
    readonly onConnection: (state: 'connected' | 'lost', reason?: OtaError) => void;
  },
): Feed {
  return {
    async *follow(signal, onConnected) {
      const onConnection = (state: 'connected' | 'lost', reason?: OtaError) => {
        if (state === 'connected') onConnected();
        options.onConnection(state, reason);
      };
      for await (const events of followEvents(client, { ...options, signal, onConnection })) {
        yield events.map(({ event, position }) => ({ event, cursor: formatPosition(position) }));
      }
    },
  };
}

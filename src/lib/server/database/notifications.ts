import type { Pool, PoolClient } from 'pg';

export type Channel = 'fleet_events' | 'fleet_telemetry';

const CHANNELS: readonly Channel[] = ['fleet_events', 'fleet_telemetry'];
const RECONNECT_MS = 1_000;

/**
 * What the processes of a server tell each other through PostgreSQL: LISTEN on a connection of its own, from the first
 * listener on. What was said while the connection was away is made up for by calling everybody.
 */
export class Notifications {
  readonly #pool: Pool;
  readonly #listeners = new Map<Channel, Set<() => void>>(CHANNELS.map((channel) => [channel, new Set()]));
  #connecting: Promise<void> | undefined;
  #client: PoolClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  listen(channel: Channel, listener: () => void): () => void {
    const listeners = this.#listeners.get(channel)!;
    listeners.add(listener);
    this.#connecting ??= this.#connect();
    return () => listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#connecting;
    this.#client?.release(true);
  }

  /** Never rejects: it is tried again. */
  async #connect(): Promise<void> {
    try {
      const client = await this.#pool.connect();
      client.on('error', () => this.#lost(client));
      client.on('notification', ({ channel }) => this.#call(channel as Channel));
      this.#client = client;
      for (const channel of CHANNELS) await client.query(`listen ${channel}`);
      for (const channel of CHANNELS) this.#call(channel);
    } catch {
      this.#lost(this.#client);
    }
  }

  #lost(client: PoolClient | undefined): void {
    if (client !== this.#client || this.#isClosed) return;
    this.#client = undefined;
    client?.release(true);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#connecting = this.#connect();
    }, RECONNECT_MS);
  }

  #call(channel: Channel): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener();
  }
}

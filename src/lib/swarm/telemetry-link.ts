import type { DeviceMessage } from './telemetry-message.js';

/** A way for telemetry to get to a server. Nothing it does ends a swarm: what fails is counted. */
export interface TelemetryLink {
  /** Takes a message; it may wait for others. */
  send(message: DeviceMessage): void;
  /** Called about once a second: whatever waits goes on its way. */
  flush(): void;
  /** Sends what waits, and waits for what is on its way, for a short while. */
  close(): Promise<void>;
}

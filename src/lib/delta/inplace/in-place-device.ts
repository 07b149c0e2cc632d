import type { RandomAccess } from '../../core/random-access.js';

/** The slot of a device: its image, and behind it the space that an update in place may use. */
export interface InPlaceDevice extends RandomAccess {
  /** Writes all bytes. A power cut may leave any part of them, until {@link sync} has ended. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes everything that was written outlive a power cut. */
  sync(): Promise<void>;
}

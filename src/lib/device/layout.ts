/** How a device's storage is laid out. */
export interface Layout {
  /** Smallest area that can be erased, bytes. */
  eraseBlockBytes: number;
  /** Smallest area that can be written, bytes. */
  writeAlignmentBytes: number;
  /** What an erased byte reads as. */
  erasedValue: number;
  /** Room for packages while they arrive, bytes; absent: unlimited. */
  storageBytes?: number;
  components: Record<string, ComponentLayout>;
  /** Where a package says nothing else. */
  bootAttempts: number;
  confirmTimeoutSeconds: number;
}

export interface ComponentLayout {
  /** Names; with a single one the device has a staging area of the same size, and images are exchanged before they boot. */
  slots: string[];
  /** Size of each slot, bytes: a multiple of the erase block. */
  slotBytes: number;
}

/**
 * A number outside of the device's files that can only rise, such as the replay protected counter of an eMMC
 * or of a TPM. With one, older files that somebody puts back are recognised.
 */
export interface MonotonicCounter {
  read(): Promise<number>;
  /** @param to more than the present value */
  raise(to: number): Promise<void>;
}

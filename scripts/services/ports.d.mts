/** Different TCP ports of the loopback address that nobody listens on. */
export function freePorts(count: number): Promise<number[]>;

export const LOGIN: { readonly username: string; readonly password: string };

export interface RunningMosquitto {
  /** `host:port` of the listener for everybody. */
  readonly address: string;
  /** `host:port` of the listener with login. */
  readonly loginAddress: string;
  readonly pid: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export function startMosquitto(
  directory: string,
  options?: { readonly settings?: readonly string[] },
): Promise<RunningMosquitto>;

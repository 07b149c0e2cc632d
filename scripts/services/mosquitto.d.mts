export const LOGIN: { readonly username: string; readonly password: string };

export interface RunningMosquitto {
  /** `host:port` of the listener for everybody. */
  readonly address: string;
  /** `host:port` of the listener with login. */
  readonly loginAddress: string;
  readonly pid: number;
  /** Writes sessions and queues to the disk; resolves when they are there. */
  save(): Promise<void>;
  /** Saves them and ends. */
  stop(): Promise<void>;
  /** Ends it without a chance to save anything. */
  kill(): Promise<void>;
}

export function startMosquitto(
  directory: string,
  options?: { readonly settings?: readonly string[] },
): Promise<RunningMosquitto>;

/** Writes the logins of a broker, name → password, to a new file in a directory; @returns its path */
export function writePasswords(directory: string, users: Readonly<Record<string, string>>): string;

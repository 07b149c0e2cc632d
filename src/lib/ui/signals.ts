import { OtaError } from '../core/errors.js';

const ENDINGS = {
  SIGINT: { code: 'INTERRUPTED', exitStatus: 130, message: 'Interrupted' },
  SIGTERM: { code: 'TERMINATED', exitStatus: 143, message: 'Terminated' },
} as const;

export interface SignalWatch {
  /** Raised by the first Ctrl-C or SIGTERM; its reason is the OtaError the command ends with. */
  readonly signal: AbortSignal;
  stop(): void;
}

/** Turns the first signal into an abort; a second one ends the process at once. */
export function watchSignals(): SignalWatch {
  const abort = new AbortController();
  const listener = (name: NodeJS.Signals) => {
    const { code, exitStatus, message } = ENDINGS[name as keyof typeof ENDINGS];
    if (abort.signal.aborted) endAtOnce(exitStatus);
    abort.abort(new OtaError(code, message));
  };
  const names = Object.keys(ENDINGS) as (keyof typeof ENDINGS)[];
  for (const name of names) process.on(name, listener);
  return {
    signal: abort.signal,
    stop: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}

function endAtOnce(exitStatus: number): never {
  // A bar that was being drawn has hidden the cursor and switched line wrap off.
  if (process.stderr.isTTY) process.stderr.write('\u001b[?25h\u001b[?7h');
  process.exit(exitStatus);
}

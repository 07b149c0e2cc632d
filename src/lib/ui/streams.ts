import type { Writable } from 'node:stream';

export interface StreamWatch {
  stop(): void;
}

/**
 * Lets whoever reads stderr leave early (oclif does the same for stdout), and hands every error
 * that nothing else caught to `report` instead of letting Node print a stack.
 */
export function watchStreams(report: (error: Error) => void): StreamWatch {
  const onStderrError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  };
  const onUncaught = (error: unknown) => report(error instanceof Error ? error : new Error(String(error)));
  process.stderr.on('error', onStderrError);
  process.on('uncaughtException', onUncaught);
  return {
    // stderr keeps its listener: what is still buffered may fail after the command has ended.
    stop: () => process.off('uncaughtException', onUncaught),
  };
}

/** Hands bytes over and waits until they are taken; resolves to false once nobody reads the stream any more. */
export function writeOn(stream: Writable, bytes: string | Uint8Array): Promise<boolean> {
  // Of standard output `writable` stays true whatever happens; who asked for its errors learns them elsewhere.
  return new Promise((resolve) => stream.write(bytes, (error) => resolve(!error)));
}

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

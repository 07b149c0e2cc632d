import type { ServerLog } from '../../lib/server/context.js';

/** How grave an entry of the server's log is. */
export type LogLevel = 'info' | 'warn' | 'error';

/** Tells every entry to `tell`. */
export function serverLog(
  tell: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void,
): ServerLog {
  const of =
    (level: LogLevel) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      tell(level, message, fields);
  return { info: of('info'), warn: of('warn'), error: of('error') };
}

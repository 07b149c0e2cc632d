const SEVERE = new Set(['error', 'err', 'critical', 'crit', 'fatal', 'alert', 'emergency', 'emerg']);

/** Whether a message tells of an error: its `type` is `error`, or its `severity` or `level` is that of one or of worse. */
export function tellsOfError(message: Readonly<Record<string, unknown>>): boolean {
  return message.type === 'error' || isSevere(message.severity) || isSevere(message.level);
}

function isSevere(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 16 && SEVERE.has(value.toLowerCase());
}

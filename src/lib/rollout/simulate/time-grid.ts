/** When a campaign that looks every so many seconds sees what happens at `at`. Times are milliseconds since 1970. */
export function observedAt(at: number, startedAt: number, everySeconds: number): number {
  const every = everySeconds * 1000;
  return startedAt + Math.ceil((at - startedAt) / every) * every;
}

const UNITS = [
  ['days', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** `24 h`, `1 min 30 s`, `3 days 4 h`: the two largest units, cut and not rounded. */
export function durationText(seconds: number): string {
  if (seconds < 1) return `${Number(seconds.toFixed(2))} s`;
  const largest = UNITS.findIndex(([unit, size]) => seconds >= (unit === 'days' ? 2 * size : size));
  const [[unit, size], next] = [UNITS[largest]!, UNITS[largest + 1]];
  const whole = Math.floor(seconds / size);
  const rest = next === undefined ? 0 : Math.floor((seconds - whole * size) / next[1]);
  return rest > 0 ? `${whole} ${unit} ${rest} ${next![0]}` : `${whole} ${unit}`;
}

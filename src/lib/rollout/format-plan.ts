import type { RolloutPlan } from './plan.js';

/** A plan as people read and compare it: indented, each device on its own line. */
export function formatPlan(plan: RolloutPlan): string {
  return `${formatted(plan, '')}\n`;
}

function formatted(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const [open, close, lines] = Array.isArray(value)
    ? ['[', ']', value.map((item) => (isFlat(item) ? JSON.stringify(item) : formatted(item, inner)))]
    : ['{', '}', Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${formatted(item, inner)}`)];
  if (lines.length === 0) return open + close;
  return `${open}\n${inner}${lines.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** A device with its cohort. */
function isFlat(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null);
}

import type { JournalEntry } from '../../rollout/campaign-event.js';

export interface FigurePoint {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly installed: number;
  /** Failed or stuck. */
  readonly bad: number;
}
export type FigureSeries = readonly FigurePoint[];

/** A chart shows no more, and a campaign of months is judged a hundred thousand times. */
const MAX_POINTS = 400;

/** Keeps how the figures of each stage went, with fewer points the more there are. */
export class SeriesKeeper {
  readonly #points = new Map<number | null, FigurePoint[]>();

  add({ time, event }: JournalEntry): void {
    if (event.type === 'judged' || event.type === 'passed') this.#keep(event.stage, time, event.figures);
    else if (event.type === 'counted') for (const { stage, figures } of event.stages) this.#keep(stage, time, figures);
    else if (event.type === 'returning') this.#keep(null, time, event.figures);
  }

  /** @param stage null: devices that go back */
  of(stage: number | null): FigureSeries {
    const points = this.#points.get(stage) ?? [];
    return points.length > MAX_POINTS ? thinned(points) : points;
  }

  #keep(stage: number | null, time: number, figures: { installed: number; failed: number; stuck: number }): void {
    const points = this.#points.get(stage) ?? [];
    points.push({ time, installed: figures.installed, bad: figures.failed + figures.stuck });
    this.#points.set(stage, points.length >= 4 * MAX_POINTS ? thinned(points) : points);
  }
}

/** The last point of each of equal parts: lines of counts stay where they end. */
function thinned(points: readonly FigurePoint[]): FigurePoint[] {
  const kept = [points[0]!];
  for (let part = 1; part < MAX_POINTS; part++) {
    kept.push(points[Math.floor((part * (points.length - 1)) / (MAX_POINTS - 1))]!);
  }
  return kept;
}

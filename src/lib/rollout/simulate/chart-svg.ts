import { type Markup, markup } from '../../core/markup.js';

// Geometry, in CSS pixels.
const WIDTH = 720;
const HEIGHT = 320;
const LEFT = 64;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 44;

export interface Axis {
  /** `log`: every value above 0. */
  readonly scale: 'linear' | 'log';
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  readonly label: string;
}

export interface ChartLine {
  /** Class of the style: what tells it apart. */
  readonly style: 'campaign' | 'harmed' | 'hawkbit';
  /** Ascending along x. Steps: a value holds until the next point. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isStepped: boolean;
  /** From … to, at each point. */
  readonly band?: readonly (readonly [low: number, high: number])[] | undefined;
}

/** Lines over two axes, readable without colours, and as text by its label. */
export function chartSvg(lines: readonly ChartLine[], { x, y, label }: { x: Axis; y: Axis; label: string }): Markup {
  const across = placer(x, LEFT, WIDTH - RIGHT);
  const up = placer(y, HEIGHT - BOTTOM, TOP);
  const grid = [
    ...x.ticks.map(({ at, label: text }) => {
      const place = rounded(across(at));
      return markup`<path class="grid" d="M${place} ${TOP}V${HEIGHT - BOTTOM}"/><text class="tick" x="${place}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${text}</text>`;
    }),
    ...y.ticks.map(({ at, label: text }) => {
      const place = rounded(up(at));
      return markup`<path class="grid" d="M${LEFT} ${place}H${WIDTH - RIGHT}"/><text class="tick" x="${LEFT - 8}" y="${rounded(place + 4)}" text-anchor="end">${text}</text>`;
    }),
  ];
  const drawn = lines.map(({ style, points, isStepped, band }) => {
    const places = points.map(([a, b]) => [rounded(across(a)), rounded(up(b))] as const);
    const area = band?.map(([low, high], index) => [places[index]![0], rounded(up(low)), rounded(up(high))] as const);
    return markup`${area && markup`<path class="band ${style}" d="${bandPath(area)}"/>`}<path class="line ${style}" d="${isStepped ? steppedPath(places) : straightPath(places)}"/>`;
  });
  return markup`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${grid}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${x.label}</text>
<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>
${drawn}</svg>`;
}

/** What is outside of an axis is drawn at its end. */
function placer({ scale, from, to }: Axis, start: number, end: number): (value: number) => number {
  const place = scale === 'log' ? (value: number) => Math.log(Math.max(value, from)) : (value: number) => value;
  const [low, high] = [place(from), place(to)];
  return (value) => start + (end - start) * Math.min(1, Math.max(0, (place(value) - low) / (high - low)));
}

type Places = readonly (readonly [x: number, y: number])[];

function straightPath(places: Places): string {
  return places.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
}

function steppedPath(places: Places): string {
  return places.map(([x, y], index) => (index === 0 ? `M${x} ${y}` : `H${x}V${y}`)).join('');
}

function bandPath(area: readonly (readonly [x: number, low: number, high: number])[]): string {
  const upper = area.map(([x, , high]) => [x, high] as const);
  const lower = area.map(([x, low]) => [x, low] as const).reverse();
  return `${straightPath([...upper, ...lower])}Z`;
}

function rounded(place: number): number {
  return Math.round(place * 10) / 10;
}

import { escapeText } from '../core/text.js';
import type { Predicate } from '../query/predicate.js';
import type { PredicateFigures } from '../query/predicate-state.js';
import type { FleetEvent, GapEvent } from '../wire/events.js';
import { countText } from './telemetry-text.js';
import { paint } from './terminal.js';

/** Longest name of a device that the column makes room for; longer ones stand out of it. */
const MAX_DEVICE_WIDTH = 32;
const TYPE_WIDTH = 'telemetry'.length;
const MIN_SUMMARY_WIDTH = 40;
const COLOURS = { telemetry: 'cyan', status: 'green', rollout: 'blue', alert: 'red', gap: 'yellow' } as const;
/** Members of a message that stand in columns of their own, or tell a person nothing. */
const SHOWN_ELSEWHERE = new Set(['messageId', 'deviceId', 'vin', 'timestamp', 'event', 'type']);

type Shown =
  | FleetEvent
  | GapEvent
  | { type: 'gap'; time: string; cause: 'disconnected'; seconds: number }
  | { type: 'gap'; time: string; cause: 'slow'; atMost: number };

/** Writes events as aligned lines: time, device, type, and what happened in as many words as there is room for. */
export class TailText {
  readonly #stream: NodeJS.WriteStream;
  #deviceWidth = 8;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  line(event: Shown): string {
    const { type, time } = event;
    const device = 'device' in event && event.device !== undefined ? escapeText(event.device) : '';
    if (device.length <= MAX_DEVICE_WIDTH) this.#deviceWidth = Math.max(this.#deviceWidth, device.length);
    const head = `${timeText(time)}  ${device.padEnd(this.#deviceWidth)}  `;
    const columns = this.#stream.columns ?? 120;
    const room = Math.max(MIN_SUMMARY_WIDTH, columns - head.length - TYPE_WIDTH - 3);
    const name = paint(COLOURS[type], type.padEnd(TYPE_WIDTH), this.#stream, process.env);
    return `${head}${name}  ${cut(summary(event), room)}`.trimEnd();
  }
}

/** `06:00:00.930`, of today or not: the date is in the NDJSON. */
function timeText(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? escapeText(time.slice(0, 24)) : date.toISOString().slice(11, 23);
}

function summary(event: Shown): string {
  if (event.type === 'gap') return gapText(event);
  const { body } = event;
  const lead = [body.event, body.type].filter((word) => typeof word === 'string').slice(0, 1);
  const rest = Object.entries(body)
    .filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return escapeText([...lead, ...rest].join(' '));
}

function gapText(gap: Exclude<Shown, FleetEvent>): string {
  if (gap.cause === 'disconnected') return `no connection for ${gap.seconds} s: what the broker sent meanwhile is lost`;
  if (gap.cause === 'slow') return `${countText(gap.atMost)} messages came faster than they were read`;
  const many = gap.atMost === 1 ? 'one event' : `up to ${countText(gap.atMost)} events`;
  const why = gap.cause === 'aged' ? 'are no longer kept' : "cannot be read, the server's disk has damaged them";
  return `${many} of the log of ${gap.log} ${why}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** `status.version == "2.1.0": 412 of 1,000 devices` */
export function figuresText({ conditionText }: Predicate, { matched, devices }: PredicateFigures): string {
  const of = devices === 0 ? '' : ` of ${countText(devices)}`;
  return `${escapeText(conditionText)}: ${countText(matched)}${of} ${devices === 1 ? 'device' : 'devices'}`;
}

import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { DeviceDetail, DeviceField, PartialDevice } from '../wire/devices.js';
import { csvLine } from './csv-text.js';
import { factsText, gridText, longGridText } from './table.js';

/** A column of a list of devices. */
export interface DeviceColumn {
  readonly name: string;
  /** What of a device has to be asked for. */
  readonly field: DeviceField;
  /** For a program: times as RFC 3339, nothing for what is not there. */
  value(device: PartialDevice): string;
  /** For a person; as `value` without it. */
  text?(device: PartialDevice, nowMs: number): string;
}

const COLUMNS: readonly DeviceColumn[] = [
  { name: 'id', field: 'id', value: ({ id }) => id },
  { name: 'name', field: 'name', value: ({ name = '' }) => name },
  { name: 'group', field: 'group', value: ({ group }) => group ?? '' },
  { name: 'tags', field: 'tags', value: ({ tags = [] }) => tags.join(' ') },
  { name: 'version', field: 'installed', value: ({ installed }) => installed?.version ?? '' },
  { name: 'installed', field: 'installed', value: ({ installed }) => softwareText(installed) },
  { name: 'assigned', field: 'assigned', value: ({ assigned }) => softwareText(assigned) },
  { name: 'status', field: 'updateStatus', value: ({ updateStatus = '' }) => updateStatus },
  {
    ...{ name: 'online', field: 'online', value: ({ online }) => String(online ?? false) },
    text: ({ online }) => (online ? 'online' : 'offline'),
  },
  {
    ...{ name: 'seen', field: 'lastSeenAt', value: ({ lastSeenAt }) => lastSeenAt ?? '' },
    text: ({ lastSeenAt }, nowMs) => agoText(lastSeenAt, nowMs),
  },
  { name: 'address', field: 'address', value: ({ address }) => address ?? '' },
  { name: 'description', field: 'description', value: ({ description }) => description ?? '' },
  { name: 'created', field: 'createdAt', value: ({ createdAt = '' }) => createdAt },
  { name: 'updated', field: 'updatedAt', value: ({ updatedAt = '' }) => updatedAt },
];

export const DEFAULT_COLUMNS = 'id,name,group,version,status,online,seen';
/** With more rows a table is laid out by a faster hand. */
const LONG_TABLE_ROWS = 1000;

/** @param text names with commas between. @throws OtaError USAGE */
export function deviceColumns(text: string): DeviceColumn[] {
  return text.split(',').map((word) => {
    const name = word.trim();
    const [head = '', ...rest] = (name === 'model' ? 'attribute.model' : name).split('.');
    const key = rest.join('.');
    if (head === 'attribute' && key !== '')
      return { name, field: 'attributes', value: (one) => one.attributes?.[key] ?? '' };
    if (head === 'metadata' && key !== '')
      return { name, field: 'metadata', value: (one) => one.metadata?.[key] ?? '' };
    const column = COLUMNS.find((known) => known.name === name);
    if (column !== undefined) return column;
    const names = COLUMNS.map((known) => known.name);
    const meant = didYouMean(name, names);
    throw new OtaError('USAGE', `--columns: devices have no column "${escapeText(name)}"`, [
      ...(meant === undefined ? [] : [`Did you mean ${meant}?`]),
      `There are ${names.join(', ')}, model, attribute.KEY and metadata.KEY.`,
    ]);
  });
}

/** A table of devices, its first line the header. */
export async function devicesText(
  columns: readonly DeviceColumn[],
  devices: readonly PartialDevice[],
  nowMs: number,
): Promise<string> {
  const header = columns.map(({ name }) => name.toUpperCase());
  const rows = devices.map((device) => columns.map((column) => column.text?.(device, nowMs) ?? column.value(device)));
  return rows.length > LONG_TABLE_ROWS ? longGridText(header, rows) : await gridText(header, rows);
}

/** @param isEscaped for a terminal; a file holds what the server said */
export function deviceCsvLine(columns: readonly DeviceColumn[], device: PartialDevice, isEscaped: boolean): string {
  return csvLine(columns.map((column) => (isEscaped ? escapeText(column.value(device)) : column.value(device))));
}

/** Everything about one device. */
export async function deviceDetailText(device: DeviceDetail, nowMs: number): Promise<string> {
  const facts = factsText([
    ['id', device.id],
    ['name', device.name],
    ['description', device.description ?? undefined],
    ['address', device.address ?? undefined],
    ['group', device.group ?? undefined],
    ['tags', device.tags.join(' ') || undefined],
    ['state', `${device.online ? 'online' : 'offline'}, seen ${agoText(device.lastSeenAt, nowMs)}`],
    ['update status', device.updateStatus],
    ['installed', softwareText(device.installed) || 'nothing the server knows of'],
    ['assigned', softwareText(device.assigned) || undefined],
    ['logs in by', device.hasToken ? 'its token' : 'certificate or gateway'],
    ['created', `${device.createdAt} by ${device.createdBy}`],
    ['changed', `${device.updatedAt} by ${device.updatedBy}`],
  ]);
  const sections = [facts];
  for (const [title, texts] of [
    ['Attributes, as the device says', device.attributes],
    ['Metadata', device.metadata],
  ] as const) {
    const entries = Object.entries(texts);
    if (entries.length > 0) sections.push(`${title}\n${indented(factsText(entries))}`);
  }
  if (device.actions.length > 0) {
    const rows = device.actions.map(({ id, software, status, type, rollout, updatedAt, messages }) => [
      ...[id, softwareText(software), status, type, rollout ?? '', agoText(updatedAt, nowMs), messages.at(-1) ?? ''],
    ]);
    const header = ['ACTION', 'SOFTWARE', 'STATUS', 'TYPE', 'ROLLOUT', 'CHANGED', 'LAST MESSAGE'];
    sections.push(`Newest actions\n${indented(await gridText(header, rows))}`);
  }
  return sections.join('\n\n');
}

/** `1 device`, `12,345 devices` */
export function devicesCount(count: number): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'device' : 'devices'}`;
}

function softwareText(software: { name: string; version: string } | null | undefined): string {
  return software ? `${software.name} ${software.version}` : '';
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
] as const;

function agoText(time: string | null | undefined, nowMs: number): string {
  if (!time) return 'never';
  const ageMs = nowMs - Date.parse(time);
  for (const [unitMs, unit] of UNITS) if (ageMs >= unitMs) return `${Math.floor(ageMs / unitMs)}${unit} ago`;
  return `${Math.max(0, Math.floor(ageMs / 1000))}s ago`;
}

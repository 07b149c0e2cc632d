import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import { type NewDeviceJson, newDevice } from '../wire/devices.js';
import { parseCsv } from './parse-csv.js';

export type DeviceFileFormat = 'csv' | 'ndjson';

/** Columns of a CSV file, and `attribute.KEY` and `metadata.KEY`. */
const COLUMNS = ['id', 'name', 'description', 'address', 'group', 'tags', 'token'];
const KEYED: Readonly<Record<string, 'attributes' | 'metadata'>> = { attribute: 'attributes', metadata: 'metadata' };
const MAX_LINE_BYTES = 1024 ** 2;

/**
 * The devices that a file lists: CSV with a header row, or a JSON object a line, as `POST /api/v1/devices` takes them.
 * In CSV an empty cell says nothing about the device, and tags are parted by blanks or `;`.
 *
 * @param name of the file, for messages
 * @throws OtaError MESSAGE_INVALID, naming line and column
 */
export function readDeviceFile(bytes: Buffer, name: string, format: DeviceFileFormat): NewDeviceJson[] {
  const devices = format === 'csv' ? devicesOfCsv(textOf(bytes, name), name) : devicesOfLines(bytes, name);
  const lines = new Map<string, number>();
  for (const { device, line } of devices) {
    const first = lines.get(device.id);
    if (first !== undefined) throw invalid(`${name}: line ${line}: ${device.id} stands in line ${first} already`);
    lines.set(device.id, line);
  }
  if (devices.length === 0) throw invalid(`${name}: lists no device`);
  return devices.map(({ device }) => device);
}

interface Listed {
  readonly device: NewDeviceJson;
  readonly line: number;
}

function devicesOfCsv(text: string, name: string): Listed[] {
  const rows = parseCsv(text, name);
  const header = rows.next();
  if (header.done) return [];
  const columns = header.value.cells.map((cell, index) =>
    columnOf(cell.trim(), `${name}: line 1, column ${index + 1}`),
  );
  if (!columns.includes('id')) throw invalid(`${name}: line 1: there is no column "id"`);
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) throw invalid(`${name}: line 1: there are two columns "${twice}"`);
  return [...rows].map(({ line, cells }) => {
    if (cells.length !== columns.length) {
      throw invalid(`${name}: line ${line}: has ${cells.length} cells, the header row has ${columns.length}`);
    }
    const device: Record<string, JsonValue> = {};
    for (const [index, cell] of cells.entries()) if (cell !== '') setMember(device, columns[index]!, cell);
    return { device: checked(device, `${name}: line ${line}`), line };
  });
}

function columnOf(column: string, where: string): string {
  const [head = '', ...key] = column.split('.');
  if (COLUMNS.includes(column) || (Object.hasOwn(KEYED, head) && key.join('.') !== '')) return column;
  const meant = didYouMean(column, COLUMNS);
  throw new OtaError('MESSAGE_INVALID', `${escapeText(where)}: there is no column "${escapeText(column)}"`, [
    ...(meant === undefined ? [] : [`Did you mean ${meant}?`]),
    `There are ${COLUMNS.join(', ')}, attribute.KEY and metadata.KEY.`,
  ]);
}

function setMember(device: Record<string, JsonValue>, column: string, cell: string): void {
  if (column === 'tags') {
    device.tags = cell.split(/[;\s]+/).filter((tag) => tag !== '');
    return;
  }
  const [head = '', ...key] = column.split('.');
  const member = column.includes('.') ? KEYED[head] : undefined;
  if (member === undefined) device[column] = cell;
  else device[member] = { ...(device[member] as Record<string, JsonValue> | undefined), [key.join('.')]: cell };
}

function devicesOfLines(bytes: Buffer, name: string): Listed[] {
  const devices: Listed[] = [];
  for (let from = 0, line = 1; from < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, from);
    const part = bytes.subarray(from, end === -1 ? bytes.length : end);
    from += part.length + 1;
    if (part.length === 0 || (part.length === 1 && part[0] === 0x0d)) continue;
    const where = `${name}: line ${line}`;
    devices.push({ device: checked(parseLine(part, where), where), line });
  }
  return devices;
}

function parseLine(bytes: Buffer, name: string): JsonValue {
  try {
    return parseStrictJson(bytes, { name, maxBytes: MAX_LINE_BYTES, maxDepth: 4 });
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'JSON_INVALID') throw error;
    // The scanner counts within the line.
    throw invalid(error.message.replace(/line \d+, column/, 'column'));
  }
}

function textOf(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(`${name}: is no UTF-8 text`, ['Save it as CSV UTF-8.']);
  }
}

function checked(value: JsonValue, name: string): NewDeviceJson {
  return checkSchema(newDevice, value, { code: 'MESSAGE_INVALID', name });
}

function invalid(message: string, suggestions: string[] = []): OtaError {
  return new OtaError('MESSAGE_INVALID', escapeText(message), suggestions);
}

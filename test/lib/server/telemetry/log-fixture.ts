import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { TelemetryLines } from '../../../../src/lib/server/telemetry/decode-telemetry.js';
import { EmbeddedLog } from '../../../../src/lib/server/telemetry/embedded-log.js';
import type { StoredMessage, TelemetryLog } from '../../../../src/lib/server/telemetry/telemetry-log.js';

export const T0 = Date.parse('2026-01-05T06:00:00Z');

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ota-test-telemetry-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A log with its threads, that is closed when the test has finished. */
export function openLog(directory: string, options: { maxBytes?: number; troubles?: string[] } = {}): EmbeddedLog {
  const log = new EmbeddedLog({
    directory,
    maxBytes: options.maxBytes ?? 64 * 1024 ** 2,
    windowKeys: 100_000,
    onTrouble: (message) => options.troubles?.push(message),
  });
  onTestFinished(() => log.close());
  return log;
}

export function ndjson(messages: readonly object[], device?: string): TelemetryLines {
  const bytes = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
  return { bytes, receivedAt: T0, ...(device !== undefined && { device }) };
}

export function reading(id: string, more: object = {}): object {
  return { messageId: id, deviceId: 'truck-7', timestamp: '2026-01-05T05:59:00Z', type: 'position', ...more };
}

/** Everything that is kept of a tenant, with the gaps in it. */
export async function readAll(log: TelemetryLog, tenantId = 1): Promise<{ messages: StoredMessage[]; gaps: object[] }> {
  const messages: StoredMessage[] = [];
  const gaps: object[] = [];
  for (let after = 0; ; ) {
    const read = await log.read({ tenantId, after, maxRows: 1_000, maxBytes: 1024 ** 2 });
    messages.push(...read.messages);
    if (read.gap !== undefined) gaps.push(read.gap);
    if (read.position === after) return { messages, gaps };
    after = read.position;
  }
}

export function bodyOf({ line }: StoredMessage): Record<string, unknown> {
  return JSON.parse(Buffer.from(line).toString());
}

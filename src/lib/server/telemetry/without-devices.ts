import { TELEMETRY_MAX_PROBLEMS } from '../../wire/telemetry.js';
import type { DecodedTelemetry } from './decode-telemetry.js';
import type { RefusedDevices } from './telemetry-log.js';

/** The messages of all other devices. */
export function withoutDevices(decoded: DecodedTelemetry, refused: RefusedDevices): DecodedTelemetry {
  const kept: DecodedTelemetry = {
    ...decoded,
    count: 0,
    messages: [],
    devices: [],
    types: [],
    times: [],
    lineNumbers: [],
    keys: new Uint32Array(decoded.keys.length),
    digests: new Uint32Array(decoded.digests.length),
    problems: [...decoded.problems],
  };
  for (let index = 0; index < decoded.count; index++) {
    const device = decoded.devices[index]!;
    const cause = refused.get(device);
    const line = decoded.lineNumbers[index]!;
    if (cause !== undefined) {
      kept.refused++;
      if (kept.problems.length < TELEMETRY_MAX_PROBLEMS) kept.problems.push({ line, kind: 'refused', cause });
      continue;
    }
    kept.keys.set(decoded.keys.subarray(4 * index, 4 * index + 4), 4 * kept.count);
    kept.digests.set(decoded.digests.subarray(2 * index, 2 * index + 2), 2 * kept.count);
    kept.messages.push(decoded.messages[index]!);
    kept.devices.push(device);
    kept.types.push(decoded.types[index]!);
    kept.times.push(decoded.times[index]!);
    kept.lineNumbers.push(line);
    kept.count++;
  }
  kept.problems.sort((a, b) => a.line - b.line);
  return kept;
}

import { OtaError } from '../../src/lib/core/errors.js';
import type { DeviceFs } from '../../src/lib/device/device-fs.js';

const CHANGES = new Set(['write', 'erase', 'truncate', 'sync', 'rename', 'remove', 'syncDirectory']);

/**
 * A DeviceFs whose n-th changing operation, and with `forGood` each one after it, fails without having any effect.
 * The count starts at 0.
 */
export function failingFs(fs: DeviceFs, at: number, { forGood = true } = {}): DeviceFs & { readonly fired: boolean } {
  let count = 0;
  return new Proxy(fs, {
    get(target, name) {
      if (name === 'fired') return count > at;
      const method = Reflect.get(target, name, target);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        const number = CHANGES.has(String(name)) ? count++ : -1;
        if (number === at || (forGood && number > at)) throw new OtaError('IO_FAILED', 'the power is cut');
        return await method.apply(target, args);
      };
    },
  }) as DeviceFs & { readonly fired: boolean };
}

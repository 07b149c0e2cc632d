import { once } from 'node:events';
import { OtaError } from '../../../src/lib/core/errors.js';
import { withLock } from '../../../src/lib/core/lock.js';

/** Tries for the lock once, says what came of it, and keeps what it got until stdin ends. */
try {
  await withLock(process.argv[2]!, async () => {
    process.stdout.write('held\n');
    process.stdin.resume();
    await once(process.stdin, 'end');
  });
} catch (error) {
  process.stdout.write(`${error instanceof OtaError ? error.code : error}\n`);
}

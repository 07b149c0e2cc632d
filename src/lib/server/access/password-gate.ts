import { tooMany } from './too-many.js';

/** scrypt takes 128 MiB and a core for a third of a second: this many at once, whoever asks … */
const MAX_RUNNING = 2;
/** … and no more waiting than are served in a few seconds. */
const MAX_WAITING = 32;

/** Lets work in that is dear, a few at a time. */
export interface Gate {
  /** @throws ServerFailure 429 when too many wait already */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function openGate({ maxRunning = MAX_RUNNING, maxWaiting = MAX_WAITING } = {}): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(work) {
      if (running < maxRunning) running++;
      else if (waiting.length >= maxWaiting) throw tooMany('logins', 1000);
      else await new Promise<void>((enter) => waiting.push(enter));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) running--;
        else next(); // takes this one's place
      }
    },
  };
}

import type { PoolClient } from 'pg';
import type { ServerContext } from '../context.js';
import { ADVISORY_LOCK } from '../database/advisory-locks.js';
import type { Database } from '../database/database.js';
import type { PostgresDatabase } from '../database/postgres.js';
import type { Job } from './job.js';

export interface JobRunner {
  /** Runs every job once now, if this process is the one that runs them. @returns whether it is */
  runAll(): Promise<boolean>;
  stop(): Promise<void>;
}

/**
 * Runs jobs, one at a time, in one of the processes that share a database. A job that fails is told to the log and
 * comes again.
 *
 * @param isTimed without it, jobs run by `runAll` alone: for tests, which know when
 */
export function startJobs(server: ServerContext, jobs: readonly Job[], { isTimed }: { isTimed: boolean }): JobRunner {
  const leadership = leadershipOf(server.database);
  let running: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = running.then(work);
    running = turn.catch(() => undefined);
    return turn;
  };
  const runOne = async (job: Job) => {
    try {
      await job.run(server);
    } catch (error) {
      server.log.error(`job ${job.name} failed and will be tried again`, { error: (error as Error).stack });
    }
  };
  const timers = isTimed
    ? jobs.map((job) => {
        let isWaiting = false;
        return setInterval(() => {
          if (isWaiting) return; // slower than its interval: never more than one in the queue
          isWaiting = true;
          void inTurn(async () => {
            isWaiting = false;
            if (await leadership.hold()) await runOne(job);
          }).catch((error: Error) => server.log.warn('jobs wait for the database', { error: error.message }));
        }, job.everyMs);
      })
    : [];
  return {
    runAll: () =>
      inTurn(async () => {
        if (!(await leadership.hold())) return false;
        for (const job of jobs) await runOne(job);
        return true;
      }),
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await running;
      await leadership.release();
    },
  };
}

interface Leadership {
  /** Whether this process is the one, becoming it when nobody is. */
  hold(): Promise<boolean>;
  release(): Promise<void>;
}

/** Embedded, the data directory's lock has decided it. */
function leadershipOf(database: Database): Leadership {
  if (database.kind === 'sqlite') return { hold: async () => true, release: async () => undefined };
  return advisoryLock(database as PostgresDatabase);
}

/** The lock belongs to a connection: PostgreSQL lets it go when this process or its network dies. */
function advisoryLock({ pool }: PostgresDatabase): Leadership {
  let client: PoolClient | undefined;
  const drop = (broken: PoolClient) => {
    if (client === broken) client = undefined;
    broken.release(true);
  };
  return {
    async hold() {
      if (client !== undefined) {
        const held = client;
        try {
          await held.query('select 1');
          return true;
        } catch {
          drop(held);
        }
      }
      const candidate = await pool.connect();
      candidate.on('error', () => undefined); // noticed by the next query
      try {
        const { rows } = await candidate.query('select pg_try_advisory_lock($1) as held', [ADVISORY_LOCK.scheduler]);
        if (rows[0].held === true) client = candidate;
        else candidate.release();
        return client !== undefined;
      } catch (error) {
        candidate.release(true);
        throw error;
      }
    },
    async release() {
      if (client !== undefined) drop(client);
    },
  };
}

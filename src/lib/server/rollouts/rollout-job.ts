import { setImmediate } from 'node:timers/promises';
import type { ServerContext } from '../context.js';
import { ServerFailure } from '../http/server-failure.js';
import type { Job } from '../jobs/job.js';
import { rolloutEvent } from './rollout-events.js';
import { lockRollout } from './rollout-facts.js';
import { UNSETTLED } from './rollout-status.js';
import { takeStep } from './take-step.js';

/** Steps for one rollout before the others have their turn. */
const STEPS_IN_A_ROW = 100;

/** Takes rollouts on as far as they go. */
export const rolloutJob: Job = {
  name: 'rollouts',
  everyMs: 2_000,
  async run(server) {
    const rollouts = await server.database.sql
      .selectFrom('rollout')
      .select(['id', 'tenant_id'])
      .where('status', 'in', UNSETTLED)
      .where('deleted_at', 'is', null)
      .orderBy('id')
      .execute();
    for (const { id, tenant_id } of rollouts) {
      try {
        await advance(server, { rolloutId: id, tenantId: tenant_id });
      } catch (error) {
        // One that cannot go on holds no other one up.
        server.log.warn(`rollout ${id} cannot go on`, { error: (error as Error).stack });
        if (error instanceof ServerFailure) {
          await pauseFor(server, { rolloutId: id, tenantId: tenant_id }, error.message);
        }
      }
    }
  },
};

interface WhichRollout {
  readonly tenantId: number;
  readonly rolloutId: number;
}

/** One step is one transaction: a process that dies has done it, or has not. */
async function advance(server: ServerContext, which: WhichRollout): Promise<void> {
  const { database, events, clock, stopping, tenantSettings } = server;
  for (let step = 0; step < STEPS_IN_A_ROW && !stopping.aborted; step++) {
    const settings = await tenantSettings.of(which.tenantId);
    const now = clock.now().getTime();
    const hasMoved = await database.transaction(async (tx) => {
      const told = await takeStep(tx, { ...which, settings, now });
      await events.append(tx, told ?? []);
      return told !== undefined;
    });
    if (!hasMoved) return;
    // The embedded database answers within the same turn of the event loop: let polls come in between.
    await setImmediate();
  }
}

/** The set was invalidated or withdrawn: whoever made the rollout has to know, and others go on. */
async function pauseFor({ database, events, clock }: ServerContext, which: WhichRollout, reason: string) {
  const now = clock.now().getTime();
  await database.transaction(async (tx) => {
    const locked = await lockRollout(tx, which);
    if (locked?.rollout.status !== 'running') return;
    await tx
      .updateTable('rollout')
      .set({ status: 'paused', updated_at: now })
      .where('id', '=', which.rolloutId)
      .execute();
    await events.append(tx, [rolloutEvent(locked.rollout, { status: 'paused', now, reason })]);
  });
}

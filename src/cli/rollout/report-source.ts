import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../lib/core/errors.js';
import { ioError } from '../../lib/core/io-error.js';
import { escapeText } from '../../lib/core/text.js';
import type { JournalEntry } from '../../lib/rollout/campaign-event.js';
import type { RolloutPlan } from '../../lib/rollout/plan.js';
import type { CampaignHostFlags } from '../rollout-host.js';
import { openRolloutSession, type RolloutSessionFlags } from '../rollout-session.js';
import { findCampaign } from './find-campaign.js';

/** What a report is made from. Ends with the command: `await using`. */
export interface ReportSource extends AsyncDisposable {
  readonly plan: RolloutPlan;
  readonly entries: AsyncIterable<readonly JournalEntry[]>;
}

interface Where {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** A campaign where it lives. @throws OtaError as `findCampaign` */
export async function reportFromHost(
  name: string | undefined,
  flags: CampaignHostFlags & RolloutSessionFlags,
  { environment, signal }: Where,
): Promise<ReportSource> {
  const session = await openRolloutSession(flags, { environment, signal });
  try {
    const { host, view } = await findCampaign(session, flags, { name, environment, signal });
    const close = async () => {
      await host[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
    };
    try {
      const plan = await host.plan(view.name, signal);
      return { plan, entries: host.journal(view.name, 0, signal), [Symbol.asyncDispose]: close };
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A journal and its plan from files.
 *
 * @param journal a file, or a folder that holds `journal.ndjson` and `plan.json`
 * @throws OtaError USAGE: a file needs its plan; NOT_FOUND; those of `parsePlan` and of the disk
 */
export async function reportFromFiles(journal: string, planFile: string | undefined): Promise<ReportSource> {
  const found = await stat(journal).catch((error: unknown): never => {
    throw ioError(error, journal);
  });
  const isFolder = found.isDirectory();
  if (!isFolder && planFile === undefined) {
    throw new OtaError('USAGE', `${escapeText(journal)} is a journal, and its plan is missing`, [
      'Add --plan with the plan that was started.',
    ]);
  }
  const [{ readBounded }, { parsePlan }, { PLAN_MAX_BYTES }, { readJournalEntries }, { openDurableFs }] =
    await Promise.all([
      import('../../lib/core/file-access.js'),
      import('../../lib/rollout/parse-plan.js'),
      import('../../lib/rollout/plan.js'),
      import('../../lib/campaign/file-journal.js'),
      import('../../lib/core/node-durable-fs.js'),
    ]);
  const planPath = planFile ?? join(journal, 'plan.json');
  const plan = parsePlan(await readBounded(planPath, PLAN_MAX_BYTES, 'plan'), planPath);
  const path = isFolder ? join(journal, 'journal.ndjson') : journal;
  return { plan, entries: readJournalEntries(openDurableFs(), path, 0), [Symbol.asyncDispose]: async () => {} };
}

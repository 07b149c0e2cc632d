import type { CampaignReport } from './campaign-report.js';

const TIMES = new Set(['time', 'openedAt', 'endedAt', 'updatedAt', 'startedAt', 'passedAt']);

/** The report as a document for programs: as `CampaignReport`, with times in RFC 3339. */
export function reportDocument(report: CampaignReport): object {
  const text = JSON.stringify(report, (key, value: unknown) => {
    return TIMES.has(key) && typeof value === 'number' ? new Date(value).toISOString() : value;
  });
  return JSON.parse(text) as object;
}

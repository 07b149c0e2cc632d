import { parseHead, type ReportFormat, reportFlags, reportFormat } from '../../../cli/rollout/report-flags.js';
import { reportFromFiles, reportFromHost } from '../../../cli/rollout/report-source.js';
import { campaignArg } from '../../../cli/rollout/request-command.js';
import { campaignHostFlags } from '../../../cli/rollout-host.js';
import { rolloutSessionFlags } from '../../../cli/rollout-session.js';
import type { CampaignReport } from '../../../lib/campaign/report/campaign-report.js';
import { openAtomicFile } from '../../../lib/core/atomic-file.js';
import { OtaError } from '../../../lib/core/errors.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';

export default class RolloutReport extends BaseCommand {
  static override summary = 'Report a campaign: Markdown, JUnit XML for a pipeline, or a page with charts.';

  static override description =
    'Tells stage by stage what became of the devices, what the gates said with their figures, which devices failed, and ' +
    'what happened when. The page needs no network and no script. In JUnit XML each stage is a suite, each gate and each ' +
    'device that failed a test case.\n\n' +
    'The report ends with where the journal ends. Keep that, and give it with --head the next time: whoever rewrites a ' +
    'journal as a whole can chain it anew, but not to a hash that you have kept. Without it, --verify notices every entry ' +
    'that was changed, removed, added or moved, but not that the end was cut off.\n\n' +
    'Exits 0 whatever became of the campaign, 2 for wrong usage, 4 when the journal is damaged or its chain is broken, or ' +
    'the plan is malformed, 6 when a file cannot be read or written, 7 when the server does not answer, 8 when the output ' +
    'exists, 15 when you are not logged in or may not, 16 when there is no such campaign or file.';

  static override examples = [
    {
      description: 'For the artefacts of a pipeline:',
      command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --verify -o rollout.xml',
    },
    {
      description: 'From the folder of a campaign, without a server:',
      command: '<%= config.bin %> <%= command.id %> --journal campaigns/meter-2.1.0 -o rollout.html',
    },
  ];

  static override args = campaignArg;
  static override flags = { ...reportFlags, ...campaignHostFlags, ...rolloutSessionFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutReport);
    const { signal } = this;
    const remembered = parseHead(flags.head);
    const isVerified = flags.verify || remembered !== undefined;
    if (flags.journal !== undefined && args.name !== undefined) {
      throw new OtaError('USAGE', '--journal says which campaign it is, and a name is given too', ['Leave one out.']);
    }
    const isPrinted = flags.output === '-';
    const format = reportFormat(flags.format, flags.output);
    await using output = isPrinted ? undefined : await openAtomicFile(flags.output, { force: flags.force, signal });

    const { asBroken, verifiedJournal } = await import('../../../lib/campaign/verify-journal.js');
    const { campaignReport } = await import('../../../lib/campaign/report/campaign-report.js');
    const { reportDocument } = await import('../../../lib/campaign/report/report-document.js');
    const { planDigest } = await import('../../../lib/rollout/parse-plan.js');
    let report: CampaignReport;
    try {
      await using source =
        flags.journal === undefined
          ? await reportFromHost(args.name, flags, { environment: process.env, signal })
          : await reportFromFiles(flags.journal, flags.plan);
      const { plan, entries } = source;
      const checks = { planDigest: planDigest(plan), remembered };
      report = await campaignReport(plan, isVerified ? verifiedJournal(entries, checks) : entries);
    } catch (error) {
      throw isVerified && error instanceof OtaError ? asBroken(error) : error;
    }
    const text = await reportText(report, format);
    if (isPrinted) this.print(text.trimEnd());
    await output?.write(Buffer.from(text));
    await output?.commit();
    if (isVerified) this.note(`the journal holds together: ${report.head.seq}:${report.head.hash}`);
    return { ...reportDocument(report), isVerified };
  }
}

async function reportText(report: CampaignReport, format: ReportFormat): Promise<string> {
  switch (format) {
    case 'markdown':
      return (await import('../../../lib/campaign/report/report-markdown.js')).reportMarkdown(report);
    case 'junit':
      return (await import('../../../lib/campaign/report/report-junit.js')).reportJunit(report);
    case 'html':
      return (await import('../../../lib/campaign/report/report-html.js')).reportHtml(report);
  }
}

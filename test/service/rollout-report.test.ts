import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { campaignReport } from '../../src/lib/campaign/report/campaign-report.js';
import { reportJunit } from '../../src/lib/campaign/report/report-junit.js';
import { badCampaign, hostileCampaign, pagesOf } from '../lib/campaign/report/sample-campaign.js';

const PROGRAM = `
import sys, json, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps([[suite.get('name'), len(suite.findall('testcase'))] for suite in root.findall('testsuite')]))
`;

test('the XML parser of Python reads reports in JUnit XML, hostile names among them', async () => {
  for (const { plan, entries } of [badCampaign(), hostileCampaign()]) {
    const report = await campaignReport(plan, pagesOf(entries));
    const xml = reportJunit(report);
    const read = JSON.parse(execFileSync('python3', ['-c', PROGRAM], { input: xml, encoding: 'utf8' }));
    expect(read.map(([, cases]: [string, number]) => cases).reduce((a: number, b: number) => a + b)).toBe(
      (xml.match(/<testcase /g) ?? []).length,
    );
    expect(read).toHaveLength(report.stages.length + 2);
  }
});

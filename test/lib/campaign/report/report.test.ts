import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { campaignReport } from '../../../../src/lib/campaign/report/campaign-report.js';
import { reportDocument } from '../../../../src/lib/campaign/report/report-document.js';
import { reportHtml } from '../../../../src/lib/campaign/report/report-html.js';
import { reportJunit } from '../../../../src/lib/campaign/report/report-junit.js';
import { reportMarkdown } from '../../../../src/lib/campaign/report/report-markdown.js';
import { chainEntry } from '../../../../src/lib/rollout/journal-chain.js';
import { parseHtml } from '../../../support/html.js';
import { parseXml, type XmlElement } from '../../../support/xml.js';
import {
  badCampaign,
  goodCampaign,
  hostileCampaign,
  pagesOf,
  pausedCampaign,
  type SampleCampaign,
} from './sample-campaign.js';

const reportOf = ({ plan, entries }: SampleCampaign) => campaignReport(plan, pagesOf(entries));

describe('a report', () => {
  test('tells how it ended, stage by stage', async () => {
    const good = await reportOf(goodCampaign());
    expect(good).toMatchObject({
      phase: 'finished',
      reason: 'all 3 stages have passed',
      devices: 2_000,
      returning: null,
    });
    expect(good.stages.map(({ name, status, figures }) => [name, status, figures?.installed])).toEqual([
      ['pilot', 'passed', 100],
      ['early', 'passed', 400],
      ['rest', 'passed', 1_500],
    ]);
    const bad = await reportOf(badCampaign());
    expect(bad.phase).toBe('rollback-failed');
    expect(bad.reason).toMatch(/^99 of 100 devices are back; .*; failure: 23 of 153 failed/);
    expect(bad.stages.map(({ status }) => status)).toEqual(['passed', 'stopped', 'waiting']);
    expect(bad.stages[1]!.failures.devices).toHaveLength(23);
    expect(bad.returning).toMatchObject({ figures: { installed: 99 }, failures: { devices: [{ device: 'd0007' }] } });
  });

  test('tells each decision once, in the order in which it was made', async () => {
    const { course } = await reportOf(badCampaign());
    const said = course.items.map(({ mark, text }) => `${mark} ${text.slice(0, 20)}`);
    expect(said.filter((text) => text.includes('early: '))).toEqual([
      'plain early: 400 devices g',
      'plain early: holds: succes',
      'bad early: aborts: failu',
      'bad early: 23 devices di',
    ]);
    expect(course.items.map(({ seq }) => seq)).toEqual(course.items.map(({ seq }) => seq).toSorted((a, b) => a - b));
  });

  test('stays small however long the campaign was', async () => {
    const { plan, entries } = pausedCampaign();
    const longer = [...entries];
    for (let at = 0; at < 5_000; at++) {
      const last = longer.at(-1)!;
      longer.push(
        chainEntry(last, last.time + 60_000, { type: 'noted', text: `the server is away for the ${at}th time` }),
      );
    }
    const { course } = await campaignReport(plan, pagesOf(longer, 100));
    expect(course.items).toHaveLength(1_000);
    expect(course.left).toBe(4_004);
    expect(course.items.at(-1)!.text).toContain('4999th');
  });

  test('of a journal that cannot have been is refused', async () => {
    const { plan, entries } = goodCampaign();
    const without = entries.filter(({ event }) => event.type !== 'starting');
    await expect(campaignReport(plan, pagesOf(without))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(campaignReport(plan, pagesOf([]))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('for programs tells times as they are written', async () => {
    const document = JSON.stringify(reportDocument(await reportOf(goodCampaign())));
    expect(document).toContain('"openedAt":"2026-01-05T06:00:00.000Z"');
    expect(document).not.toMatch(/"(?:time|\w+At)":\d/);
  });
});

describe('as Markdown', () => {
  test('has a table of stages, gates with their figures, and devices that failed', async () => {
    const text = reportMarkdown(await reportOf(badCampaign()));
    expect(text).toMatch(/^# meter-2.0.0: meter 2.0.0, rollback failed\n/);
    expect(text).toContain('| early | stopped | 400 | 130 | 21 | 2 | 247 | 0 | 0 | 0 | 0 |\n');
    expect(text).toContain(
      '| failure | at most 5 % failed at 95 % confidence, from 20 devices on | failed | 23 of 153',
    );
    expect(text).toContain('| d0101 | failed | installation failed: no space left |\n');
  });

  test('lets nothing from outside be markup', async () => {
    const text = reportMarkdown(await reportOf(hostileCampaign()));
    expect(text).not.toMatch(/<|javascript:x\)(?!.)|[\p{Cc}\p{Cf}\p{Cs}](?<!\n)/u);
    expect(text).not.toMatch(/(?<!\\)[`*_[\]]/);
    // A bar that nobody meant would make another column.
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) expect([3, 4, 5, 8, 12]).toContain(row.split(/(?<!\\)\|/).length - 1);
  });
});

/** What the Jenkins schema allows in each element, and what it requires. */
const SCHEMA: Record<string, { children: string[]; attributes: string[]; required: string[] }> = {
  testsuites: { children: ['testsuite'], attributes: ['name', 'time', 'tests', 'failures', 'errors'], required: [] },
  testsuite: {
    children: ['properties', 'testcase'],
    attributes: ['name', 'tests', 'failures', 'errors', 'time', 'skipped', 'timestamp', 'id', 'package'],
    required: ['name', 'tests', 'failures', 'errors'],
  },
  properties: { children: ['property'], attributes: [], required: [] },
  property: { children: [], attributes: ['name', 'value'], required: ['name', 'value'] },
  testcase: {
    children: ['skipped', 'failure', 'system-out'],
    attributes: ['name', 'time', 'classname'],
    required: ['name'],
  },
  failure: { children: [], attributes: ['type', 'message'], required: [] },
  skipped: { children: [], attributes: ['type', 'message'], required: [] },
  'system-out': { children: [], attributes: [], required: [] },
};

function requireSchema({ name, attributes, children }: XmlElement): void {
  const allowed = SCHEMA[name]!;
  expect(allowed.attributes).toEqual(expect.arrayContaining(Object.keys(attributes)));
  expect(Object.keys(attributes)).toEqual(expect.arrayContaining(allowed.required));
  expect(attributes.time ?? '').toMatch(/^\d*(\.\d*)?$/);
  for (const child of children) {
    expect(allowed.children).toContain(child.name);
    requireSchema(child);
  }
}

describe('as JUnit XML', () => {
  const casesOf = (suite: XmlElement) => suite.children.filter(({ name }) => name === 'testcase');
  const outcomes = (suite: XmlElement) => casesOf(suite).map(({ children }) => children[0]!.name);

  test.each<[string, () => SampleCampaign]>([
    ['a good campaign', goodCampaign],
    ['a bad one', badCampaign],
    ['one that stands', pausedCampaign],
    ['hostile names', hostileCampaign],
  ])('of %s fits the schema, and its counts are right', async (_, campaign) => {
    const root = parseXml(reportJunit(await reportOf(campaign())));
    requireSchema(root);
    const all = root.children.flatMap(outcomes);
    expect(root.attributes).toMatchObject({
      tests: String(all.length),
      failures: String(all.filter((name) => name === 'failure').length),
    });
    for (const suite of root.children) {
      const came = outcomes(suite);
      expect(suite.attributes).toMatchObject({
        tests: String(came.length),
        failures: String(came.filter((name) => name === 'failure').length),
        skipped: String(came.filter((name) => name === 'skipped').length),
      });
      expect(suite.attributes.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    }
  });

  test('has a suite for each stage, and a case for each gate and each device that failed', async () => {
    const { children } = parseXml(reportJunit(await reportOf(badCampaign())));
    expect(children.map(({ attributes }) => attributes.name)).toEqual([
      'meter-2.0.0',
      'meter-2.0.0 pilot',
      'meter-2.0.0 early',
      'meter-2.0.0 rest',
      'meter-2.0.0 going back',
    ]);
    expect(outcomes(children[0]!)).toEqual(['failure']);
    expect(outcomes(children[1]!)).toEqual(['system-out', 'system-out', 'system-out', 'system-out']);
    expect(outcomes(children[2]!)).toEqual([
      'skipped',
      'failure',
      'system-out',
      'skipped',
      ...Array(23).fill('failure'),
    ]);
    expect(outcomes(children[3]!)).toEqual(['skipped', 'skipped', 'skipped', 'skipped']);
    const [failed] = casesOf(children[2]!).slice(4);
    expect(failed).toMatchObject({
      attributes: { name: 'device d0101', classname: 'meter-2.0.0 early' },
      children: [{ attributes: { type: 'failed', message: 'installation failed: no space left' } }],
    });
  });

  test('fails a gate that has paused a campaign', async () => {
    const { children } = parseXml(reportJunit(await reportOf(pausedCampaign())));
    expect(outcomes(children[0]!)).toEqual(['failure']);
    expect(outcomes(children[1]!)).toEqual(['failure', 'system-out', 'system-out', 'skipped']);
  });

  test('passes a gate that somebody has overruled, and says who', async () => {
    const { plan, entries } = pausedCampaign();
    const more = [...entries];
    const add = (event: Parameters<typeof chainEntry>[2]) =>
      more.push(chainEntry(more.at(-1)!, more.at(-1)!.time, event));
    const judged = entries.map(({ event }) => event).find((event) => event.type === 'judged')!;
    add({ type: 'approved', stage: 0, by: 'bob', remark: 'three meters in a flood' });
    add({ type: 'resumed', by: 'bob' });
    add({ type: 'started', portion: 'meter-2.0.0.s1.0' });
    add({ type: 'passed', stage: 0, figures: judged.figures });
    const { children } = parseXml(reportJunit(await campaignReport(plan, pagesOf(more))));
    expect(outcomes(children[1]!)[0]).toBe('system-out');
    expect(casesOf(children[1]!)[0]!.children[0]!.text).toMatch(/^97 of 100 installed.*; accepted by bob$/);
  });
});

describe('as a page', () => {
  test.each<[string, () => SampleCampaign]>([
    ['a good campaign', goodCampaign],
    ['a bad one', badCampaign],
    ['one that stands', pausedCampaign],
    ['hostile names', hostileCampaign],
  ])('of %s needs nothing else and runs nothing', async (_, campaign) => {
    const page = reportHtml(await reportOf(campaign()));
    const tags = parseHtml(page);
    expect(tags.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['script']));
    for (const { attributes } of tags) {
      for (const name of ['src', 'href', 'style', 'onload', 'onclick']) expect(attributes).not.toHaveProperty(name);
    }
    const style = tags.find(({ name }) => name === 'style')!.text;
    const policy = tags.find(({ attributes }) => attributes['http-equiv'] !== undefined)!.attributes.content!;
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; base-uri 'none'; form-action 'none'`,
    );
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object|url\(|@import/);
    expect(page).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}](?<!\n)/u);
  });

  test('has a chart of each stage that was begun, and of each gate that is about a share', async () => {
    const tags = parseHtml(reportHtml(await reportOf(badCampaign())));
    const labels = tags.filter(({ name }) => name === 'svg').map(({ attributes }) => attributes['aria-label'] ?? '');
    expect(labels).toEqual(
      expect.arrayContaining([
        'Stages over 2 h 41 min',
        'pilot: 100 installed and 0 failed or stuck of 100, after 1 h 40 min',
        'early: 130 installed and 23 failed or stuck of 400, after 30 min',
        'Going back: 99 installed and 1 failed or stuck of 100, after 30 min',
        '15 %, surely at least 10.5 %; at most 5 %',
        '100 %, surely at least 97 %; at least 95 %',
        '0.5 %; at most 5 %',
      ]),
    );
  });
});

test('whatever text comes from outside, a page and XML stay what they are', async () => {
  const namesOf = (page: string) => parseHtml(page).map(({ name }) => name);
  const plain = namesOf(reportHtml(await reportOf(hostileCampaign('plain'))));
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(text, async (hostile) => {
      const report = await reportOf(hostileCampaign(hostile));
      parseXml(reportJunit(report));
      expect(namesOf(reportHtml(report))).toEqual(plain);
    }),
    { numRuns: 10 },
  );
});

import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeText } from '../../../src/lib/core/text.js';
import type { SimulationReport } from '../../../src/lib/simulate/report.js';
import { reportHtml } from '../../../src/lib/simulate/report-html.js';
import { type HtmlTag, parseHtml } from '../../support/html.js';
import { sampleReport, sampleViolation } from '../../support/simulation-report.js';

const outsideText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '</script><script>alert(1)</script>',
    '<!--<script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    ']]></title><svg/onload=alert(1)>',
    '&lt;b&gt;&amp;#60;',
    '\u202egnp.\u2066exe\u0000\u2028',
    '$1$&$`',
  ),
);

/** A report in which everything that comes from outside says whatever an attacker wants. */
const hostileReport: fc.Arbitrary<SimulationReport> = fc
  .record({ name: outsideText, step: outsideText, file: outsideText, component: outsideText, line: outsideText })
  .map(({ name, step, file, component, line }) => {
    const report = sampleReport({ blocks: 2, cuts: line, violations: [sampleViolation()] });
    const [scenario] = report.scenarios;
    const operations = scenario!.operations.map((operation) => ({ ...operation, step, file }));
    const life = { ...scenario!, boots: component, operations, noRollback: line };
    return {
      ...report,
      package: { name, digest: line, version: file },
      base: { version: step },
      layout: { ...report.layout, components: { [component]: { slots: [name, line], slotBytes: 4096 } } },
      scenarios: [life],
      violations: [{ invariant: name, message: line, scenario: step, trace: [file, component], replay: line }],
    };
  });

describe('reportHtml', () => {
  test('whatever names say, the page has the elements and attributes that it always has', () => {
    const known = new Set(vocabulary(parseHtml(reportHtml(sampleReport({ violations: [sampleViolation()] })))));
    fc.assert(
      fc.property(hostileReport, (report) => {
        const tags = parseHtml(reportHtml(report));
        expect(vocabulary(tags).filter((word) => !known.has(word))).toEqual([]);
        expect(tags.filter(({ name }) => name === 'script')).toHaveLength(2);
      }),
      { numRuns: 60 },
    );
  });

  test('shows outside text as it is, with what would hide or reorder it made visible', () => {
    fc.assert(
      fc.property(outsideText, (line) => {
        const violation = sampleViolation({ message: line, trace: [line], replay: line });
        const texts = parseHtml(reportHtml(sampleReport({ blocks: 1, violations: [violation] }))).map(
          ({ text }) => text,
        );
        const shown = escapeText(line);
        expect(texts.filter((text) => text.trim() === shown.trim()).length).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 60 },
    );
  });

  test('holds the report for programs', () => {
    fc.assert(
      fc.property(hostileReport, (report) => {
        const data = parseHtml(reportHtml(report)).find(({ attributes }) => attributes.id === 'report')!;
        expect(JSON.parse(data.text)).toEqual(JSON.parse(JSON.stringify(report)));
      }),
      { numRuns: 30 },
    );
  });

  test('may load nothing, and run only its own script', () => {
    const page = reportHtml(sampleReport());
    const tags = parseHtml(page);
    const policy = tags.find(({ attributes }) => attributes['http-equiv'] === 'Content-Security-Policy')!.attributes
      .content!;
    expect(policy).toContain("default-src 'none'");
    for (const { name, attributes, text } of tags.filter((tag) => tag.name === 'script' || tag.name === 'style')) {
      const allowed = policy.includes(`${name}-src 'sha256-${hash('sha256', text, 'base64')}'`);
      expect(allowed).toBe(attributes.type !== 'application/json');
    }
    const references = tags.flatMap(({ attributes }) => [attributes.href, attributes.src, attributes.style]);
    expect(references.filter((reference) => reference !== undefined && !reference.startsWith('#'))).toEqual([]);
    expect(page).not.toMatch(/https?:|@import|url\(/);
  });

  test('tells the verdict and every figure without a script', () => {
    const report = sampleReport({ violations: [sampleViolation()] });
    const text = visibleText(parseHtml(reportHtml(report)));
    expect(text).toContain('Fails, 1 of 76,390 faults broke an invariant: boots-whole-image');
    for (const figure of ['74,290', '2,100', '219', '8 KiB', '256 KiB', '6,111']) expect(text).toContain(figure);
    expect(text).toContain('boots app.a.image');
    expect(text).toContain('sim1-good-17-torn-128');
    expect(text).toContain('write app.b.image, 4 KiB at 0x17000');
  });

  test('an interrupted run does not pass for a complete one', () => {
    const text = visibleText(parseHtml(reportHtml(sampleReport({ complete: false }))));
    expect(text).toContain('Not finished, 76,390 faults until it was interrupted and no broken invariant');
    expect(text).not.toContain('Survives');
  });

  test('claims no more of random lives than was done to them', () => {
    const [everywhere, random] = ['single', 'random:2'].map((cuts) => reportHtml(sampleReport({ cuts })));
    expect(everywhere).toContain('Tried at every operation');
    expect(everywhere).toContain('a file system that turns read-only');
    expect(random).not.toContain('Tried at every operation');
    expect(random).not.toContain('a file system that turns read-only');
    expect(random).toContain('at places drawn at random, so none are shown by operation');
  });

  test('draws what booted after a fault, in bars on either side of a line', () => {
    const { scenarios } = sampleReport();
    const bars = parseHtml(reportHtml(sampleReport())).filter(
      ({ name, attributes }) => name === 'rect' && attributes.x,
    );
    const count = (kind: string) => bars.filter(({ attributes }) => attributes.class === kind).length;
    const operations = scenarios.flatMap((scenario) => scenario.operations);
    // One of each stands in the legend.
    expect(count('old')).toBe(operations.filter(({ bootedOld }) => bootedOld > 0).length + 1);
    expect(count('new')).toBe(operations.filter(({ bootedNew }) => bootedNew > 0).length + 1);
  });

  test('stays a page that can be opened for a life of 40,000 operations', () => {
    const report = sampleReport({ blocks: 20_000 });
    const page = reportHtml({ ...report, scenarios: report.scenarios.slice(0, 1) });
    const withoutData = page.replace(/<script type="application\/json".*?<\/script>/s, '');
    expect(withoutData.length).toBeLessThan(3_000_000);
    expect(visibleText(parseHtml(page)).includes('40021 to 40023 of 40023, confirm: ')).toBe(true);
  });

  test('has a page even when nothing was done', () => {
    expect(() => parseHtml(reportHtml(sampleReport({ complete: false, scenarios: [] })))).not.toThrow();
    const [scenario] = sampleReport().scenarios;
    const empty = { ...scenario!, operations: [], faultPoints: 0, states: 0, merged: 0 };
    expect(() => parseHtml(reportHtml(sampleReport({ complete: false, scenarios: [empty] })))).not.toThrow();
  });
});

function vocabulary(tags: readonly HtmlTag[]): string[] {
  return tags.flatMap(({ name, attributes }) => [name, ...Object.keys(attributes).map((key) => `${name} ${key}`)]);
}

function visibleText(tags: readonly HtmlTag[]): string {
  const shown = tags.filter(({ name }) => name !== 'script' && name !== 'style');
  return shown
    .map(({ text }) => text)
    .join(' ')
    .replaceAll(/\s+/g, ' ');
}

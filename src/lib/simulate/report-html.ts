import { hash } from 'node:crypto';
import { formatByteSize } from '../core/byte-size.js';
import { embeddedJson, Markup, markup } from '../core/markup.js';
import { COVERED, NOT_COVERED, POWER_CUTS } from './coverage.js';
import { INVARIANTS } from './invariants.js';
import { countText, operationText } from './operation-text.js';
import type { ScenarioReport, SimulationReport, Violation } from './report.js';
import { REPORT_SCRIPT } from './report-script.js';
import { REPORT_STYLE } from './report-style.js';
import { boots, cutsText, durationText, verdictText } from './report-words.js';
import { type TimelineColumn, timelineColumns } from './timeline-columns.js';
import { timelineLegend, timelineSvg, timelineSymbols } from './timeline-svg.js';

/**
 * The report as one page that needs nothing else: no network, no other file; without scripts all figures are there.
 * What the report quotes cannot become markup, and if it could, the policy of the page would not run it: it allows
 * one style and one script, by their hashes.
 *
 * @see https://www.w3.org/TR/CSP3/
 */
export function reportHtml(report: SimulationReport): string {
  const policy = [
    "default-src 'none'",
    `style-src '${sourceHash(REPORT_STYLE)}'`,
    `script-src '${sourceHash(REPORT_SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${report.package.name}: ${verdictText(report)}</title>
<style>${new Markup(REPORT_STYLE)}</style>
</head>
<body>
<main>
${verdict(report)}
${figures(report)}
${violations(report.violations)}
<h2>Every operation, and what a fault there led to</h2>
${timelineSymbols()}${timelineLegend()}
${report.scenarios.map((life) => scenario(life, isRandom(report.cuts)))}
${coverage(report)}
<p><button id="save" hidden>Save the report as JSON</button></p>
</main>
<script type="application/json" id="report">${embeddedJson(report)}</script>
<script>${new Markup(REPORT_SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

function sourceHash(source: string): string {
  return `sha256-${hash('sha256', source, 'base64')}`;
}

function verdict(report: SimulationReport): Markup {
  const { package: pkg, base, totals } = report;
  const [name, mark] = totals.violations > 0 ? ['broken', '✗'] : report.complete ? ['passed', '✓'] : ['partial', '…'];
  return markup`<header class="verdict ${name}">
<h1><span class="mark" aria-hidden="true">${mark}</span> ${capitalised(verdictText(report))}</h1>
<p><strong>${pkg.name}</strong>: from ${base.version ?? 'an unnamed release'} to ${pkg.version}</p>
<p class="soft">Package digest <code>${pkg.digest}</code></p>
</header>`;
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function figures({ totals, elapsedSeconds, faultPointsPerSecond }: SimulationReport): Markup {
  return figureList([
    ['Faults tried', countText(totals.faultPoints)],
    ['Broken invariants', countText(totals.violations)],
    ['Operations found', countText(totals.operations)],
    ['Pairs of faults', countText(totals.pairs)],
    ['States run to their end', countText(totals.states)],
    ['Merged with one of those', countText(totals.merged)],
    ['Most boots until stable', countText(totals.worstBoots)],
    ['Most written again', formatByteSize(totals.rewrittenBytes)],
    ['Most fetched again', formatByteSize(totals.refetchedBytes)],
    ['Time', durationText(elapsedSeconds)],
    ['Faults per second', countText(Math.round(faultPointsPerSecond))],
  ]);
}

/** Whether the places of faults were drawn, as `--cuts random:K` has it. */
function isRandom(cuts: string): boolean {
  return cuts.startsWith('random');
}

function figureList(list: readonly (readonly [string, string])[]): Markup {
  return markup`<dl class="figures">${list.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function violations(list: readonly Violation[]): Markup | undefined {
  if (list.length === 0) return undefined;
  return markup`<h2>Broken invariants</h2>
<p>Each with the shortest way to it that was found. Run the same command again with <code>--replay TOKEN</code> to see it happen.</p>
${list.map(
  ({ invariant, message, scenario, trace, replay }) => markup`<section class="card violation">
<h3><code>${invariant}</code> <span class="soft">(${boots(scenario)})</span></h3>
<p>${message}</p>
<ol>${trace.map((line) => markup`<li>${line}</li>`)}</ol>
<div class="token"><code>${replay}</code><button data-copy hidden>Copy token</button></div>
</section>`,
)}`;
}

function scenario(life: ScenarioReport, atRandom: boolean): Markup {
  const columns = timelineColumns(life.operations);
  const facts = [
    `${countText(life.operations.length)} operations`,
    `${countText(life.faultPoints)} faults`,
    ...(life.pairs > 0 ? [`${countText(life.pairs)} pairs`] : []),
    `${countText(life.states)} states`,
    `${countText(life.merged)} merged`,
    `at most ${countText(life.worstBoots)} boots until stable`,
    ...(atRandom ? ['at places drawn at random, so none are shown by operation'] : []),
    ...(columns.length < life.operations.length ? ['several operations share a column'] : []),
  ].join(', ');
  const label = `Timeline: ${facts}`;
  return markup`<section class="card timeline">
<h3>${boots(life.boots)}</h3>
<p class="soft">${facts}</p>
${life.noRollback === undefined ? undefined : markup`<p class="soft">Without a rollback by wish: ${life.noRollback}</p>`}
${columns.length === 0 ? undefined : timelineSvg(columns, label)}
<p class="readout" aria-live="polite"></p>
<details><summary>As a table</summary><div class="wide">${operationTable(columns)}</div></details>
</section>`;
}

function operationTable(columns: readonly TimelineColumn[]): Markup {
  const rows = columns.map(({ step, operations, ...sums }) => {
    const [first, last] = [operations[0]!, operations.at(-1)!];
    const number = first === last ? countText(first.index + 1) : `${first.index + 1} to ${last.index + 1}`;
    const what = first === last ? operationText(first) : `${operationText(first)} to ${operationText(last)}`;
    const counts = [sums.faultPoints, sums.bootedOld, sums.bootedNew, sums.violations];
    return markup`<tr><td class="number">${number}</td><td>${step}</td><td class="mono">${what}</td>${counts.map(
      (count) => markup`<td class="number">${countText(count)}</td>`,
    )}</tr>
`;
  });
  const heads = ['Faults', 'Old booted', 'New booted', 'Broken'];
  return markup`<table><thead><tr><th class="number">#</th><th>Step</th><th>Operation</th>${heads.map(
    (head) => markup`<th class="number">${head}</th>`,
  )}</tr></thead><tbody>
${rows}</tbody></table>`;
}

function coverage({ layout, cuts, seed, scenarios, complete }: SimulationReport): Markup {
  const components = Object.entries(layout.components).map(
    ([name, { slots, slotBytes }]) =>
      markup`<li><code>${name}</code>: ${slots.length === 1 ? 'slot' : 'slots'} ${slots.join(', ')} of ${formatByteSize(slotBytes)}</li>`,
  );
  const items = (list: readonly string[]) => markup`<ul>${list.map((item) => markup`<li>${item}</li>`)}</ul>`;
  return markup`<h2>What was covered, and what not</h2>
${complete ? undefined : markup`<p><strong>The run was interrupted.</strong> The figures count what was done until then.</p>`}
<div class="columns">
<div><h3>This run</h3><ul>
<li>${cutsText(cuts)}, seed ${seed}</li>
<li>Erase blocks of ${formatByteSize(layout.eraseBlockBytes)}, writes of ${formatByteSize(layout.writeAlignmentBytes)}</li>
${components}
${scenarios.map(({ boots: name }) => markup`<li>${boots(name)}</li>`)}
</ul></div>
<div><h3>Held to</h3>${items(Object.entries(INVARIANTS).map(([name, promise]) => `${name}: ${promise}`))}</div>
<div><h3>${isRandom(cuts) ? 'Power cuts, drawn from' : 'Tried at every operation'}</h3>${items(isRandom(cuts) ? POWER_CUTS : COVERED)}</div>
<div><h3>Not simulated</h3>${items(NOT_COVERED)}</div>
</div>`;
}

import { hash } from 'node:crypto';
import { formatByteSize } from '../core/byte-size.js';
import { Markup, markup } from '../core/markup.js';
import type { MatrixCell, MatrixReport, MatrixRow, MeasuredCell } from '../package/matrix-report.js';
import { matrixSvg } from './matrix-chart.js';

const STYLE = `
:root{color-scheme:light dark;--page:#fff;--ink:#1c1f23;--soft:#59616b;--line:#dcdfe3;--bad:#b00020}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e9ebee;--soft:#a3abb5;--line:#353b42;--bad:#ff6b81}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:56rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem}
h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.matrix{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;margin-top:1.5rem}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:.4rem}
th,td{text-align:right;padding:.3rem 0 .3rem 1rem;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top;font-weight:400}
.name,.format,.why{text-align:left;padding-left:0;white-space:normal;overflow-wrap:anywhere}
.format{padding-right:1rem}
.format{white-space:nowrap}
thead th,td.format,p{color:var(--soft)}
.chosen td{font-weight:700;color:var(--ink)}
.over{color:var(--bad);font-weight:700}
`;

/**
 * The matrix as one page that needs nothing else: the picture, and a table with all its numbers. Nothing in it runs, and
 * its policy allows the two styles alone.
 */
export function matrixHtml(report: MatrixReport): string {
  const picture = matrixSvg(report);
  const inner = /<style>([\s\S]*?)<\/style>/.exec(picture.text)?.[1] ?? '';
  const hashes = [STYLE, inner].map((style) => `'sha256-${hash('sha256', style, 'base64')}'`).join(' ');
  const policy = `default-src 'none'; style-src ${hashes}; base-uri 'none'; form-action 'none'`;
  const title = `Deltas to ${report.target.name}`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${picture}
<div class="scroll"><table>
<caption>Sizes, time to make, and what applying needs. The chosen format is bold.</caption>
<thead><tr><th scope="col" class="name">From</th><th scope="col" class="format">Format</th><th scope="col">Size</th><th scope="col">Of full</th><th scope="col">Time</th><th scope="col">Memory</th><th scope="col">Storage</th></tr></thead>
<tbody>
${report.rows.flatMap((row) => cellRows(row, report.target.size))}
</tbody>
</table></div>
<p>The devices apply ${report.deviceFormats.join(', ')}.</p>
${skippedWords(report)}
</main>
</body>
</html>
`.text;
}

function skippedWords({ skipped }: MatrixReport): Markup | undefined {
  return skipped.length === 0
    ? undefined
    : markup`<p>Left out, being the new image or given twice: ${skipped.join(', ')}.</p>`;
}

function cellRows({ base, cells, chosen, isOverBudget }: MatrixRow, fullBytes: number): Markup[] {
  const over = isOverBudget ? markup` <span class="over">over budget</span>` : undefined;
  const name = markup`<th scope="rowgroup" class="name" rowspan="${cells.length}">${base.name}${over}</th>`;
  return cells.map((cell, at) => {
    const isChosen = cell.format === chosen?.format;
    const format = markup`<td class="format">${cell.format}${cell.accepted ? '' : ' (not applied)'}</td>`;
    const numbers =
      'why' in cell
        ? markup`<td class="why" colspan="5">not made: ${cell.why.message}</td>`
        : markup`${numbersOf(cell, fullBytes).map((word) => markup`<td>${word}</td>`)}`;
    return markup`<tr class="${isChosen ? 'chosen' : 'other'}">${at === 0 ? name : undefined}${format}${numbers}</tr>
`;
  });
}

function numbersOf(
  { format, size, seconds, applyMemoryBytes, storageBytes }: MeasuredCell & Pick<MatrixCell, 'format'>,
  fullBytes: number,
): string[] {
  return [
    formatByteSize(size),
    `${((100 * size) / fullBytes).toFixed(1)} %`,
    format === 'full' ? '' : `${seconds.toFixed(1)} s`,
    formatByteSize(applyMemoryBytes),
    storageBytes === 0 ? 'none' : formatByteSize(storageBytes),
  ];
}

import type { MatrixReport } from '../package/matrix-report.js';
import { matrixSvg } from './matrix-chart.js';
import { matrixHtml } from './matrix-page.js';

/** The matrix as a file: a picture, or a page with it. */
export function drawMatrix(report: MatrixReport, kind: 'svg' | 'html'): string {
  return kind === 'svg' ? `${matrixSvg(report).text}\n` : matrixHtml(report);
}

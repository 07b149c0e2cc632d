import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

/** A row of a CSV file, and where it begins. */
export interface CsvRow {
  /** From 1; a quoted cell may go over several lines. */
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads comma separated values (RFC 4180), strictly: a quote inside a plain cell, something behind a closing quote and a
 * quote that is never closed are refused, as they mean that cells are not where they seem. Lines may end in LF; empty
 * lines are skipped; a byte order mark, which spreadsheets write, is too.
 *
 * @param name of the file, for messages
 * @throws OtaError MESSAGE_INVALID with line and column (from 1, in characters)
 */
export function* parseCsv(text: string, name: string): Generator<CsvRow> {
  let at = text.startsWith('\ufeff') ? 1 : 0;
  let line = 1;
  let lineStart = at;
  const wrong = (position: number, fact: string) =>
    new OtaError(
      'MESSAGE_INVALID',
      `${escapeText(name)}: line ${line}, column ${[...text.slice(lineStart, position)].length + 1}: ${fact}`,
    );
  while (at < text.length) {
    const cells: string[] = [];
    const startLine = line;
    for (let isRowOpen = true; isRowOpen; ) {
      if (text[at] === '"') {
        let cell = '';
        for (at++; ; ) {
          const quote = text.indexOf('"', at);
          if (quote === -1) throw wrong(at, 'a quoted cell begins here or before and never ends');
          const part = text.slice(at, quote);
          for (let end = part.indexOf('\n'); end !== -1; end = part.indexOf('\n', end + 1)) {
            line++;
            lineStart = at + end + 1;
          }
          cell += part;
          at = quote + 1;
          if (text[at] !== '"') break;
          cell += '"';
          at++;
        }
        cells.push(cell);
      } else {
        const start = at;
        while (at < text.length && !CELL_ENDS.has(text[at]!)) at++;
        if (text[at] === '"')
          throw wrong(at, 'a quote inside a cell; the whole cell must stand in quotes, and it twice');
        cells.push(text.slice(start, at));
      }
      if (text[at] === ',') {
        at++;
        continue;
      }
      if (text[at] === '\r' && text[at + 1] === '\n') at++;
      if (at < text.length && text[at] !== '\n') throw wrong(at, 'expected "," or the end of the line');
      at++;
      isRowOpen = false;
    }
    line++;
    lineStart = at;
    if (cells.length > 1 || cells[0] !== '') yield { line: startLine, cells };
  }
}

const CELL_ENDS: ReadonlySet<string> = new Set([',', '\r', '\n', '"']);

import { stripVTControlCharacters } from 'node:util';

/** Several lines at the end of a terminal that are drawn again and again, while others print above them. */
export interface StatusBlock {
  /** Shows what has changed now, instead of with the next second. */
  redraw(): void;
  /** Makes room for a line of somebody else; drawn again with its next frame. */
  clear(): void;
  done(): void;
  fail(): void;
}

export interface BlockSize {
  /** Characters that fit on a line beside the spinner. */
  readonly columns: number;
  /** Lines that fit. */
  readonly rows: number;
}

const REDRAW_EVERY_MS = 1000;
const SPIN_EVERY_MS = 250;
/** Of the spinner, in front of the first line. */
const SPINNER_WIDTH = 2;
const SMALLEST = { columns: 20, rows: 4 };

/**
 * @param draw lines that are escaped; called every second, so that what counts down does
 */
export function startStatusBlock(
  stream: NodeJS.WriteStream,
  draw: (size: BlockSize) => readonly string[],
  { isColoured }: { isColoured: boolean },
): StatusBlock {
  let isEnded = false;
  let spinner: { text: string; clear(): unknown; render(): unknown; stop(): unknown } | undefined;
  const text = () => draw(sizeOf(stream)).join('\n');
  const redraw = () => {
    if (spinner !== undefined) spinner.text = text();
  };
  let columns = stream.columns;
  const onResize = () => {
    const drawn = spinner?.text ?? '';
    const before = rowsOf(drawn, columns);
    const now = rowsOf(drawn, stream.columns);
    columns = stream.columns;
    spinner?.clear();
    // A narrower terminal has broken the lines: they take more rows than the spinner knows of.
    if (now > before) stream.write(`\u001b[${now - before}A\u001b[J`);
    redraw();
  };
  const timer = setInterval(redraw, REDRAW_EVERY_MS).unref();
  const begun = (async () => {
    const { default: ora } = await import('ora');
    if (isEnded) return;
    // stdin stays ours: it may carry data, and Ctrl-C must arrive as a signal.
    const color = isColoured ? 'cyan' : false;
    spinner = ora({ text: text(), stream, color, discardStdin: false, interval: SPIN_EVERY_MS }).start();
    stream.on('resize', onResize);
  })();
  begun.catch(() => {});
  const end = () => {
    isEnded = true;
    clearInterval(timer);
    stream.off('resize', onResize);
    spinner?.stop();
    spinner = undefined;
  };
  return { redraw, clear: () => void spinner?.clear(), done: end, fail: end };
}

function sizeOf({ columns, rows }: NodeJS.WriteStream): BlockSize {
  return {
    columns: Math.max(SMALLEST.columns, (columns ?? 80) - SPINNER_WIDTH - 1),
    rows: Math.max(SMALLEST.rows, (rows ?? 24) - 1),
  };
}

/** How many rows of a terminal lines take, when it breaks those that are too long. */
function rowsOf(text: string, columns = 80): number {
  return stripVTControlCharacters(text)
    .split('\n')
    .reduce((rows, line) => rows + Math.max(1, Math.ceil((line.length + SPINNER_WIDTH) / Math.max(1, columns))), 0);
}

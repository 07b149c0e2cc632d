import { escapeText } from '../core/text.js';
import type { ProgressOutput } from './progress.js';

/** How work without a foreseeable end gets on: one line that changes. */
export interface StatusLine {
  update(text: string): void;
  /** Makes room for a line of somebody else; drawn again with its next frame. */
  clear(): void;
  done(): void;
  fail(): void;
}

/** Work shorter than this shows nothing and loads no library. */
const SHOW_AFTER_MS = 300;
const PLAIN_LINE_EVERY_MS = 5000;

/** A spinner with the newest text on a terminal; in a log a line every few seconds, if there is news. */
export function startStatusLine({ mode, stream }: ProgressOutput): StatusLine {
  if (mode === 'silent') return { update: () => {}, clear: () => {}, done: () => {}, fail: () => {} };
  return mode === 'plain' ? plainStatus(stream) : terminalStatus(stream);
}

function plainStatus(stream: NodeJS.WriteStream): StatusLine {
  let news: string | undefined;
  const timer = setInterval(() => {
    if (news !== undefined) stream.write(`${news}\n`);
    news = undefined;
  }, PLAIN_LINE_EVERY_MS).unref();
  const end = () => clearInterval(timer);
  return {
    update: (text) => {
      news = escapeText(text);
    },
    clear: () => {},
    done: end,
    fail: end,
  };
}

function terminalStatus(stream: NodeJS.WriteStream): StatusLine {
  let newest = '';
  let isEnded = false;
  let spinner: { text: string; clear(): unknown; stop(): unknown } | undefined;
  const timer = setTimeout(async () => {
    const { default: ora } = await import('ora');
    // stdin stays ours: it may carry data, and Ctrl-C must arrive as a signal.
    if (!isEnded) spinner = ora({ text: newest, stream, discardStdin: false }).start();
  }, SHOW_AFTER_MS).unref();
  const end = () => {
    isEnded = true;
    clearTimeout(timer);
    spinner?.stop();
  };
  return {
    update: (text) => {
      newest = escapeText(text);
      if (spinner !== undefined) spinner.text = newest;
    },
    clear: () => spinner?.clear(),
    done: end,
    fail: end,
  };
}

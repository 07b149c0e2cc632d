import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRolloutDesk, type RolloutDesk } from '../commands/ota/rollout/rollout-desk.js';
import { CTRL_C, ENTER, openTerminal, type Terminal } from '../support/terminal.js';

const ESC = '\u001b';
const SHOW_CURSOR = `${ESC}[?25h`;
const HIDE_CURSOR = `${ESC}[?25l`;
const COLOUR = new RegExp(`${ESC}\\[\\d+(;\\d+)*m`);

let desk: RolloutDesk;
beforeEach(async () => {
  desk = await openRolloutDesk({ isTimed: true });
});
afterEach(() => desk[Symbol.asyncDispose]());

const terminal = (words: string, env: Record<string, string | undefined> = {}): Terminal =>
  openTerminal(words.split(' '), {
    cwd: desk.folder.path,
    env: { XDG_CONFIG_HOME: desk.folder.file('config'), XDG_STATE_HOME: desk.folder.file('state'), ...env },
  });

/** What of it a terminal shows in the end: rows that are erased are gone, whatever stands below them. */
function finalScreen(raw: string): string[] {
  const rows: string[] = [''];
  let [row, column] = [0, 0];
  for (const [token, text] of raw.matchAll(new RegExp(`${ESC}\\[[?\\d;]*[A-Za-z]|\r|\n|([^${ESC}\r\n]+)`, 'g'))) {
    const up = new RegExp(`^${ESC}\\[(\\d*)A$`).exec(token);
    if (text !== undefined) {
      rows[row] =
        (rows[row] ?? '').padEnd(column).slice(0, column) + text + (rows[row] ?? '').slice(column + text.length);
      column += text.length;
    } else if (token === '\r' || token === `${ESC}[1G`) column = 0;
    else if (token === '\n') row += 1;
    else if (up) row = Math.max(0, row - Number(up[1] || 1));
    else if (token === `${ESC}[2K`) rows[row] = '';
    else if (token === `${ESC}[K` || token === `${ESC}[0K`) rows[row] = (rows[row] ?? '').slice(0, column);
    else if (token === `${ESC}[J`) rows.length = row + 1;
  }
  return Array.from(rows, (line = '') => line.trimEnd());
}

const requests = async (verb: string) => {
  const { status } = await desk.server.call('POST', '/api/v1/campaigns/meter-2.0.0/requests', { body: { verb } });
  expect(status).toBe(200);
};

describe('a campaign on a terminal', () => {
  test('is shown live; Ctrl-C leaves it to the server, restores the terminal and says what to type', async () => {
    const screen = terminal(`rollout start ${await desk.plan()} --package meter-2.0.0.ota`);
    await screen.seen('meter-2.0.0: meter 2.0.0, stage 1 of 2');
    await screen.seen('Ctrl-C stops watching; the campaign goes on at the server.');
    screen.type(CTRL_C);
    expect(await screen.ended).toBe(130);
    const raw = screen.raw();
    expect(raw.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(raw.lastIndexOf(HIDE_CURSOR));
    const shown = finalScreen(raw).join('\n');
    expect(shown).not.toContain('Ctrl-C stops watching');
    expect(shown).toContain('error: Interrupted; meter-2.0.0 goes on at the server');
    expect(shown).toContain('ota rollout watch meter-2.0.0');
    const { body } = await desk.server.call('GET', '/api/v1/campaigns/meter-2.0.0');
    expect(body).toMatchObject({ phase: 'running', isDriven: true });
  });

  test('stays on the screen with its end when it is paused by somebody else, with status 10', async () => {
    const started = await desk.ota(`rollout start ${await desk.plan()} --package meter-2.0.0.ota --detach`);
    expect(started.status).toBe(0);
    const screen = terminal('rollout watch', { NO_COLOR: '1' });
    await screen.seen('● stage 1');
    await requests('pause');
    expect(await screen.ended).toBe(10);
    expect(screen.raw()).not.toMatch(COLOUR);
    const shown = finalScreen(screen.raw());
    expect(shown.some((line) => /^\d\d:\d\d:\d\d paused by a person: /.test(line))).toBe(true);
    expect(shown.find((line) => line.startsWith('phase'))).toMatch(/paused$/);
    expect(shown.find((line) => line.startsWith('error: '))).toContain(
      'meter-2.0.0 is paused in stage stage 1 (1 of 2)',
    );
    expect(shown.join('\n')).not.toContain('●');
  });

  test('is aborted after a question, and not when the answer is no', async () => {
    await desk.ota(`rollout start ${await desk.plan()} --package meter-2.0.0.ota --detach`);
    const no = terminal('rollout abort');
    await no.seen('Abort meter-2.0.0 in stage stage 1 (1 of 2)?');
    no.type(ENTER);
    expect(await no.ended).toBe(130);
    expect(stripVTControlCharacters(no.raw())).toContain('Nothing was changed');
    const yes = terminal('rollout abort --wait');
    await yes.seen('Abort meter-2.0.0');
    yes.type(`y${ENTER}`);
    expect(await yes.ended).toBe(0);
    expect(stripVTControlCharacters(yes.raw())).toMatch(/phase +aborted/);
  });
});

import { describe, expect, test } from 'vitest';
import { CampaignCommand } from '../../../src/cli/rollout/campaign-command.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { type Outcome, runInProcess } from '../../commands/in-process.js';
import { figures, MemoryCampaigns, stageOf, viewOfCampaign } from '../../support/memory-campaigns.js';

const begun = viewOfCampaign();
const finished = viewOfCampaign({
  ...{ phase: 'finished', endedAt: '2026-01-05T07:00:00.000Z', reason: '10 devices: 10 installed' },
  stages: [stageOf('pilot', 10, { status: 'passed', figures: figures({ total: 10, installed: 10 }) })],
});
const passed = { type: 'passed', stage: 0, figures: figures({ total: 10, installed: 10 }) } as const;

/** Stays with a campaign of these. */
function stayWith(host: MemoryCampaigns, argv: string[] = []): Promise<Outcome> {
  class Stay extends CampaignCommand {
    async run(): Promise<object> {
      await this.parse(Stay);
      return await this.stay(host, begun, { drives: true, waitMs: Number.POSITIVE_INFINITY });
    }
  }
  return runInProcess(Stay, argv);
}

describe('a command that stays with a campaign', () => {
  test('tells in a log what happens, and in the end where it stands', async () => {
    const { status, stdout, stderr } = await stayWith(
      new MemoryCampaigns([begun]).next({ view: begun }).next({ view: finished, events: [passed] }),
    );
    expect(status).toBe(0);
    expect(stderr).toBe('06:00:01 pilot: passed, 10 of 10 installed\n');
    expect(stdout).toMatch(/^campaign +meter-2\.1\.0\n[\s\S]*pilot +passed +10 +10/);
  });

  test('prints events under --json: the campaign, what happens, the campaign', async () => {
    const host = new MemoryCampaigns([begun]).next({ view: finished, events: [passed] });
    const { stdout, stderr } = await stayWith(host, ['--json']);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type, phase }) => [type, phase])).toEqual([
      ['campaign', 'running'],
      ['passed', undefined],
      ['campaign', 'finished'],
    ]);
    expect(events.every(({ time }) => Number.isFinite(Date.parse(time)))).toBe(true);
    expect(stderr).toBe('');
  });

  test.each([
    [true, 'meter-2.1.0 goes on without this command: `ota rollout watch meter-2.1.0` shows it again.'],
    [false, 'Nothing further starts until `ota rollout resume meter-2.1.0`.'],
  ])(
    'says what becomes of it when the login ends in the middle (the server drives it: %s)',
    async (isDetached, next) => {
      const host = new MemoryCampaigns([begun], { isDetached }).next({ view: begun }).next(() => {
        throw new OtaError('AUTHENTICATION_FAILED', 'the login has ended', ['Run `fleet login`.']);
      });
      const { status, stderr } = await stayWith(host);
      expect(status).toBe(15);
      expect(stderr).toBe(`error: the login has ended\n  → Run \`fleet login\`.\n  → ${next}\n`);
    },
  );
});

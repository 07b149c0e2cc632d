import { describe, expect, test } from 'vitest';
import { type Conduct, decide, isSettled } from '../../../src/lib/swarm/decide.js';
import type { Decision, Outcome, Step, UpdateEnd, VirtualDevice } from '../../../src/lib/swarm/device.js';
import { factoryInstalled } from '../../../src/lib/swarm/installed.js';
import { DEFAULT_PROFILE, type SwarmProfile } from '../../../src/lib/swarm/profile.js';
import type { DdiDeployment } from '../../../src/lib/wire/ddi.js';

const factory = factoryInstalled({ version: '1.0.0', securityCounter: 0 }, ['app'], new Map());
const updated = { ...factory, version: '2.0.0' };

const fresh: VirtualDevice = {
  index: 0,
  id: 'sim-1',
  model: 'V1',
  hardwareRevision: undefined,
  installed: factory,
  phase: 'idle',
  contact: 'none',
  action: undefined,
  closed: undefined,
  declined: undefined,
  links: undefined,
  hasNews: false,
  sleepMs: 300_000,
  polls: 0,
  failures: 0,
  attempts: {},
};

const deployment = (changes: Partial<DdiDeployment> = {}): DdiDeployment => ({
  download: 'forced',
  update: 'forced',
  chunks: [
    { part: 'os', name: 'meter', version: '2.0.0', artifacts: [{ filename: 'a', size: 100, hashes: {}, _links: {} }] },
  ],
  ...changes,
});

const link = (name: string) => ({ [name]: { href: `http://h/${name}/7?c=1` } });
const polled = (links = {}, sleep = '00:01:00'): Outcome => ({
  type: 'polled',
  poll: { config: { polling: { sleep } }, _links: links },
});

function conductOf(changes: Partial<SwarmProfile> = {}): Conduct {
  return { profile: { ...DEFAULT_PROFILE, ...changes }, seed: 1 };
}

/** Lets a device live with these answers until an update has ended and nothing is left to do. */
function live(
  answers: (step: Step, device: VirtualDevice) => Outcome,
  conduct: Conduct,
  { steps = 40, from = fresh }: { steps?: number; from?: VirtualDevice } = {},
): { decisions: Decision[]; done: string[]; ends: UpdateEnd[]; last: VirtualDevice } {
  const decisions: Decision[] = [];
  const [done, ends]: [string[], UpdateEnd[]] = [[], []];
  let [device, step]: [VirtualDevice, Step] = [from, { do: 'poll' }];
  for (let count = 0; count < steps; count++) {
    done.push(step.do === 'report' ? `${step.report.execution} ${step.report.finished}` : step.do);
    const decision = decide(device, step, answers(step, device), conduct);
    decisions.push(decision);
    if (decision.ended !== undefined) ends.push(decision.ended);
    ({ device, step } = decision);
    if (step.do === 'poll' && isSettled(device) && ends.length > 0) break;
  }
  return { decisions, done, ends, last: device };
}

/** A server with one deployment, and a device that everything succeeds at. */
function server(offered = deployment(), id = '7') {
  return (step: Step): Outcome => {
    switch (step.do) {
      case 'poll':
        return polled(link('deploymentBase'));
      case 'read-deployment':
        return { type: 'deployment', id, deployment: offered };
      case 'download':
        return step.stopAt === undefined ? { type: 'done' } : { type: 'stopped', receivedBytes: step.stopAt };
      case 'install':
        return { type: 'installed', installed: updated };
      default:
        return { type: 'done' };
    }
  };
}

describe('an update', () => {
  test('goes from poll to poll, tells each step, and then what runs', () => {
    const { done, ends, last } = live(server(), conductOf());
    expect(done).toEqual([
      'poll',
      'read-deployment',
      'proceeding none',
      'download none',
      'download',
      'downloaded none',
      'poll',
      'read-deployment',
      'proceeding none',
      'install',
      'proceeding none',
      'boot',
      'closed success',
      'send-attributes',
    ]);
    expect(ends).toEqual([{ action: '7', version: '2.0.0', result: 'success', detail: 'runs 2.0.0' }]);
    expect(last).toMatchObject({ installed: updated, phase: 'idle', hasNews: false });
  });

  test('takes as long to restart as its profile says', () => {
    const { decisions } = live(server(), conductOf({ rebootSeconds: [7, 7] }));
    expect(decisions.find(({ step }) => step.do === 'boot')!.inMs).toBe(7000);
  });

  test.each([
    ['boot', /^2\.0\.0 did not start, rolled back to 1\.0\.0$/],
    ['confirm', /^2\.0\.0 was not confirmed within 30 s, rolled back to 1\.0\.0$/],
    ['verification', /^verification failed, as the profile wants it$/],
    ['download', /^the download ended after \d+ of 100 bytes$/],
  ])('that ends with %s is reported, and the old version runs', (ending, detail) => {
    const { ends, last } = live(server(), conductOf({ failures: { [ending]: 1 } }));
    expect(ends).toMatchObject([{ action: '7', version: '2.0.0', result: 'failure' }]);
    expect(ends[0]!.detail).toMatch(detail);
    expect(last.installed).toBe(factory);
  });

  test('that is stuck is never told about again, and goes on polling', () => {
    const conduct = conductOf({ failures: { stuck: 1 } });
    const { done, ends, last } = live(server(), conduct);
    expect(done).toEqual(['poll', 'read-deployment', 'proceeding none']);
    expect(ends.map(({ result }) => result)).toEqual(['stuck']);
    const later = live(server(), conduct, { from: last, steps: 6 });
    expect(later.done).toEqual(['poll', 'read-deployment', 'poll', 'read-deployment', 'poll', 'read-deployment']);
    expect(later.ends).toEqual([]);
  });

  test('that is rejected is left alone afterwards', () => {
    const { done, ends } = live(server(), conductOf({ failures: { rejected: 1 } }));
    expect(done).toEqual(['poll', 'read-deployment', 'rejected none']);
    expect(ends.map(({ result }) => result)).toEqual(['rejected']);
  });

  test('whose download is cut goes on where it was cut', () => {
    const { done, decisions } = live(server(), conductOf({ download: { cut: 1 } }));
    expect(done.filter((step) => step === 'download')).toHaveLength(2);
    const stops = decisions.flatMap(({ step }) => (step.do === 'download' ? [step.stopAt] : []));
    expect(stops).toEqual([expect.any(Number), undefined]);
  });

  test('that the device itself refuses says why', () => {
    const answers = server();
    const refusing = (step: Step): Outcome =>
      step.do === 'install' ? { type: 'refused', detail: 'SIGNATURE_INVALID: no' } : answers(step);
    const { ends, last } = live(refusing, conductOf());
    expect(ends).toEqual([{ action: '7', version: '2.0.0', result: 'failure', detail: 'SIGNATURE_INVALID: no' }]);
    expect(last.installed).toBe(factory);
  });

  test('waits with what it has downloaded until it may install', () => {
    const closedWindow = deployment({ update: 'skip', maintenanceWindow: 'unavailable' });
    const waiting = live(server(closedWindow), conductOf(), { steps: 10 });
    expect(waiting.done.slice(-4)).toEqual(['poll', 'read-deployment', 'poll', 'read-deployment']);
    expect(waiting.last.phase).toBe('downloaded');
    const open = live(server(), conductOf(), { from: waiting.last });
    expect(open.done.slice(0, 4)).toEqual(['poll', 'read-deployment', 'proceeding none', 'install']);
    expect(open.ends.map(({ result }) => result)).toEqual(['success']);
  });

  test('can be canceled between download and installation', () => {
    const answers = server();
    const canceling = (step: Step, device: VirtualDevice): Outcome => {
      if (step.do === 'poll' && device.phase === 'downloaded') return polled(link('cancelAction'));
      return step.do === 'read-cancel' ? { type: 'cancel', id: '7', stopId: '7' } : answers(step);
    };
    const { done, ends, last } = live(canceling, conductOf());
    expect(done.slice(-3)).toEqual(['poll', 'read-cancel', 'accept-cancel']);
    expect(ends.map(({ result }) => result)).toEqual(['canceled']);
    expect(last).toMatchObject({ phase: 'idle', action: undefined, installed: factory });
  });

  test('is forgotten when the server does not ask for it any more', () => {
    const answers = server();
    const forgetting = (step: Step, device: VirtualDevice): Outcome =>
      step.do === 'poll' && device.phase === 'downloaded' ? polled() : answers(step);
    const { ends, last } = live(forgetting, conductOf());
    expect(ends.map(({ result }) => result)).toEqual(['gone']);
    expect(isSettled(last)).toBe(true);
  });

  test('whose end the server missed is told again, and not done again', () => {
    const { last } = live(server(), conductOf());
    const again = live(server(), conductOf(), { from: last, steps: 4 });
    expect(again.done.slice(0, 3)).toEqual(['poll', 'read-deployment', 'closed success']);
    expect(again.ends).toEqual([]);
  });

  test('the second attempt has a fate of its own', () => {
    const conduct = conductOf({ failures: { boot: 0.5 } });
    const attempt = (id: string, from: VirtualDevice) => live(server(deployment(), id), conduct, { from });
    const devices = Array.from({ length: 40 }, (_, index) => ({ ...fresh, id: `sim-${index}` }));
    const failed = devices.map((device) => attempt('7', device)).filter(({ ends }) => ends[0]!.result === 'failure');
    const second = failed.map(({ last }) => attempt('8', last).ends[0]!.result);
    expect(new Set(second)).toEqual(new Set(['success', 'failure']));
  });
});

describe('around updates', () => {
  test('a device sleeps as long as the server says, give or take its jitter', () => {
    const { inMs, device } = decide(fresh, { do: 'poll' }, polled({}, '00:01:00'), conductOf());
    expect(device.sleepMs).toBe(60_000);
    expect(Math.abs(inMs - 60_000)).toBeLessThanOrEqual(6000);
  });

  test('it tells about itself before anything else', () => {
    const links = { ...link('configData'), ...link('deploymentBase') };
    const first = decide(fresh, { do: 'poll' }, polled(links), conductOf());
    expect(first.step).toEqual({ do: 'send-attributes', href: 'http://h/configData/7?c=1' });
    expect(decide(first.device, first.step, { type: 'done' }, conductOf()).step.do).toBe('read-deployment');
  });

  test.each([
    [0, true],
    [1, false],
  ])('where a share of %d turns confirmations down, it agrees: %s', (denied, agrees) => {
    const conduct = conductOf({ denied });
    const read = decide(fresh, { do: 'poll' }, polled(link('confirmationBase')), conduct);
    const asked = decide(read.device, read.step, { type: 'confirmation', id: '7', version: '2' }, conduct);
    expect(asked.step).toEqual({ do: 'answer-confirmation', action: '7', agrees });
    const answered = decide(asked.device, asked.step, { type: 'done' }, conduct);
    expect(answered.inMs === 0).toBe(agrees);
    const polledAgain = decide(answered.device, { do: 'poll' }, polled(link('confirmationBase')), conduct);
    expect(polledAgain.step.do).toBe(agrees ? 'read-confirmation' : 'poll');
  });

  test('it is gone for a while when its profile wants it', () => {
    const conduct = conductOf({ offline: { chance: 1, seconds: [600, 600] } });
    const { device, inMs } = decide(fresh, { do: 'poll' }, polled(), conduct);
    expect([device.contact, inMs]).toEqual(['offline', 600_000]);
  });
});

describe('a request that fails', () => {
  const fail = (from: VirtualDevice, status?: number, retryAfterMs?: number, step: Step = { do: 'poll' }) =>
    decide(from, step, { type: 'failed', status, retryAfterMs }, conductOf());

  test('is made again, later each time, at most a minute later', () => {
    let device = fresh;
    for (let failures = 1; failures <= 20; failures++) {
      const decision = fail(device);
      expect(decision.step).toEqual({ do: 'poll' });
      expect(decision.inMs).toBeLessThanOrEqual(Math.min(1000 * 2 ** (failures - 1), 60_000));
      device = decision.device;
    }
    expect(device).toMatchObject({ failures: 20, contact: 'lost' });
    const served = decide(device, { do: 'poll' }, polled(), conductOf()).device;
    expect(served).toMatchObject({ failures: 0, contact: 'served' });
  });

  test('waits as long as a busy server asks, and a little longer', () => {
    const { inMs } = fail(fresh, 429, 30_000);
    expect(inMs).toBeGreaterThanOrEqual(30_000);
    expect(inMs).toBeLessThanOrEqual(33_000);
  });

  test.each([
    [401, 'refused'],
    [403, 'refused'],
    [404, 'unknown'],
  ])('with %d is tried at the next poll', (status, contact) => {
    const { device, step, inMs } = fail(fresh, status);
    expect([device.contact, step.do]).toEqual([contact, 'poll']);
    expect(inMs).toBeGreaterThan(200_000);
  });

  test('because the action is over ends it, and the device keeps what it has installed', () => {
    const { decisions } = live(server(), conductOf());
    const closing = decisions.find(({ step }) => step.do === 'report' && step.report.execution === 'closed')!;
    const { device, ended, step } = fail(closing.device, 410, undefined, closing.step);
    expect(ended!.result).toBe('gone');
    expect(device).toMatchObject({ installed: updated, action: undefined, phase: 'idle' });
    expect(step.do).toBe('poll');
  });

  test('ten times in a row ends a download', () => {
    const { decisions } = live(server(), conductOf(), { steps: 5 });
    const downloading = decisions.find(({ step }) => step.do === 'download')!;
    let { device } = downloading;
    for (let failures = 1; failures < 10; failures++) {
      const decision = fail(device, 503, undefined, downloading.step);
      expect(decision.step.do).toBe('download');
      device = decision.device;
    }
    const last = fail(device, 503, undefined, downloading.step);
    expect(last.step).toMatchObject({ do: 'report', report: { execution: 'closed', finished: 'failure' } });
  });
});

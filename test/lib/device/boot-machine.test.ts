import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BootControl, ReleaseRecord, SlotContent } from '../../../src/lib/device/boot-control.js';
import { MAX_RELEASES } from '../../../src/lib/device/boot-control-schema.js';
import {
  confirmRefusal,
  fallbackCandidates,
  imagesOf,
  setOf,
  slotWith,
  trialEnd,
} from '../../../src/lib/device/boot-facts.js';
import {
  activate,
  attempt,
  beginSwap,
  confirm,
  endSwap,
  fallBack,
  markTargetsUnbootable,
  type Place,
  revert,
  watchdog,
} from '../../../src/lib/device/boot-machine.js';

const START = Date.parse('2026-01-01T00:00:00Z');
const SLOTS: Record<string, string[]> = { app: ['a', 'b'], modem: ['main', 'staging'] };
const digest = (name: string) => Buffer.from(name.padEnd(32, '.')).toString('hex');
const at = (seconds: number) => new Date(START + seconds * 1000);

function content(image: string, release: string): SlotContent {
  return { version: '1.0.0', size: 100, sha256: digest(image), release: digest(release) };
}

function record(name: string, sequence: number, images: Record<string, string>): ReleaseRecord {
  const hashes = Object.fromEntries(Object.entries(images).map(([component, image]) => [component, digest(image)]));
  return { digest: digest(name), version: `${sequence}.0.0`, sequence, securityCounter: sequence, images: hashes };
}

const FACTORY = record('r1', 1, { app: 'app1', modem: 'modem1' });

function factoryControl(): BootControl {
  return {
    sequence: 1,
    event: { type: 'initialised', time: at(0).toISOString(), release: FACTORY.digest, version: FACTORY.version },
    active: { release: FACTORY.digest, slots: { app: 'a', modem: 'main' } },
    slots: { app: { a: content('app1', 'r1') }, modem: { main: content('modem1', 'r1') } },
    releases: [FACTORY],
    securityCounter: 1,
    trustRoot: { version: 1, sha256: digest('root') },
    epoch: 0,
  };
}

/** Installs a release that brings the named components into the slots that are free, as one step. */
function installed(control: BootControl, name: string, components: string[], now = at(0), attempts = 3): BootControl {
  const sequence = Number(name.replace(/\D/g, ''));
  const targets: Place[] = components.map((component) => {
    const slot = SLOTS[component]!.find((candidate) => candidate !== control.active.slots[component])!;
    return { component, slot };
  });
  const images = { ...imagesOf(control, control.active) };
  for (const component of components) images[component] = digest(`${component}-${name}`);
  const release: ReleaseRecord = { ...record(name, sequence, {}), images };
  const marked = markTargetsUnbootable(control, now, { targets, record: release });
  const slots = { ...control.active.slots };
  for (const { component, slot } of targets) slots[component] = slot;
  return activate(marked, now, {
    trial: {
      release: release.digest,
      slots,
      intent: 'install',
      record: release,
      attemptsLeft: attempts,
      timeoutSeconds: 60,
    },
    written: targets.map(({ component, slot }) => ({
      component,
      slot,
      content: content(`${component}-${name}`, name),
    })),
  });
}

/** What a device may go through, each only where it is possible. */
type Step =
  | { do: 'install'; components: string[] }
  | { do: 'mark'; components: string[] }
  | { do: 'attempt' | 'watchdog' | 'revert' | 'confirm' | 'fallBack' | 'swap' }
  | { do: 'wait'; seconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('install' as const), components: fc.subarray(['app', 'modem'], { minLength: 1 }) }),
  fc.record({ do: fc.constant('mark' as const), components: fc.subarray(['app', 'modem'], { minLength: 1 }) }),
  fc.record({ do: fc.constantFrom('attempt', 'watchdog', 'revert', 'confirm', 'fallBack', 'swap') }),
  fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: -100, max: 100 }) }),
) as fc.Arbitrary<Step>;

function take(control: BootControl, action: Step, now: Date, number: number): BootControl {
  const inPlace = control.active.slots.modem === 'main';
  const booted = control.trial?.startedAt !== undefined;
  switch (action.do) {
    case 'install':
      return booted || control.swap || !inPlace ? control : installed(control, `r${number}`, action.components, now);
    case 'mark': {
      if (booted || control.swap || !inPlace) return control;
      const targets = action.components.map((component) => ({
        component,
        slot: component === 'app' ? (control.active.slots.app === 'a' ? 'b' : 'a') : 'staging',
      }));
      return markTargetsUnbootable(control, now, { targets, record: record(`r${number}`, number, {}) });
    }
    case 'attempt':
      return control.trial && trialEnd(control, control.trial, now) === undefined ? attempt(control, now) : control;
    case 'watchdog':
      return booted ? watchdog(control, now) : control;
    case 'revert':
      return control.trial ? revert(control, now, { reason: 'a test' }) : control;
    case 'confirm':
      return confirmRefusal(control, now) === undefined ? confirm(control, now) : control;
    case 'fallBack': {
      const to = fallbackCandidates(control)[0];
      if (control.trial || to === undefined) return control;
      const damaged = Object.entries(control.active.slots)
        .map(([component, slot]) => ({ component, slot }))
        .filter(({ component, slot }) => to.set.slots[component] !== slot);
      return fallBack(control, now, { set: to.set, reason: 'a test', damaged });
    }
    case 'swap':
      return control.swap ? endSwap(control, now, ['main', 'staging']) : beginSwap(control, now, 'modem');
    case 'wait':
      return control;
  }
}

/** What must hold whatever happens. */
function expectSound(control: BootControl): void {
  for (const set of [control.active, control.trial ?? control.active]) {
    for (const [component, slot] of Object.entries(set.slots)) {
      expect(control.slots[component]?.[slot], `${component} in ${slot}`).toBeDefined();
    }
  }
  expect(imagesOf(control, control.active)).toEqual(
    control.releases.find(({ digest }) => digest === control.active.release)!.images,
  );
  if (control.trial) expect(imagesOf(control, control.trial)).toEqual(control.trial.record.images);
  const digests = control.releases.map(({ digest }) => digest);
  expect(new Set(digests).size).toBe(digests.length);
  expect(digests.length).toBeLessThanOrEqual(MAX_RELEASES);
  expect(control.trial?.attemptsLeft ?? 0).toBeGreaterThanOrEqual(0);
}

describe('the states of a device', () => {
  it('stay sound over any life, and each step changes only what it may', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (life) => {
        let control = factoryControl();
        let seconds = 0;
        for (const [index, action] of life.entries()) {
          if (action.do === 'wait') seconds += action.seconds;
          const before = structuredClone(control);
          const after = take(control, action, at(seconds), index + 2);
          expect(control, 'the present state is left alone').toEqual(before);
          if (after === control) continue;
          expectSound(after);
          expect(after.sequence).toBeGreaterThan(before.sequence);
          if (action.do !== 'confirm') {
            expect(after.securityCounter).toBe(before.securityCounter);
            expect(after.epoch).toBe(before.epoch);
            expect(after.timeFloor).toBe(before.timeFloor);
            expect(after.releases).toEqual(before.releases);
          } else {
            expect(after.securityCounter).toBeGreaterThanOrEqual(before.securityCounter);
            expect(after.epoch).toBe(before.epoch + 1);
          }
          if (action.do !== 'confirm' && action.do !== 'fallBack') {
            expect(imagesOf(after, after.active)).toEqual(imagesOf(before, before.active));
          }
          expect(after.securityCounter).toBeLessThanOrEqual(
            after.releases.find(({ digest }) => digest === after.active.release)!.securityCounter,
          );
          control = after;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('boot a trial at most as often as it has attempts, then it is over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), (attempts) => {
        let control = installed(factoryControl(), 'r2', ['app'], at(0), attempts);
        let boots = 0;
        while (trialEnd(control, control.trial!, at(0)) === undefined) {
          control = attempt(control, at(0));
          boots++;
        }
        expect(boots).toBe(attempts);
        expect(() => attempt(control, at(0))).toThrow('without attempts');
      }),
    );
  });

  it('return to what ran when a trial is given up, with the images of the trial still at hand', () => {
    const before = factoryControl();
    const control = revert(attempt(installed(before, 'r2', ['app', 'modem']), at(0)), at(1), { reason: 'it failed' });
    expect(control).toMatchObject({ active: before.active, releases: before.releases, securityCounter: 1 });
    expect(control.trial).toBeUndefined();
    expect(control.event).toMatchObject({ type: 'reverted', release: digest('r2'), reason: 'it failed' });
    expect(slotWith(control, 'app', digest('app-r2'))).toBe('b');
  });

  it('never mark a slot that boots', () => {
    const targets = [{ component: 'app', slot: 'a' }];
    expect(() => markTargetsUnbootable(factoryControl(), at(0), { targets, record: FACTORY })).toThrow('boots');
  });

  it('keep the newest releases of a long history, the active one among them', () => {
    let control = factoryControl();
    for (let number = 2; number < 30; number++) {
      control = confirm(attempt(installed(control, `r${number}`, ['app']), at(0)), at(0));
    }
    expect(control.releases.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: MAX_RELEASES }, (_, index) => 29 - MAX_RELEASES + 1 + index),
    );
    expect(control.active.release).toBe(digest('r29'));
  });
});

describe('the end of a trial', () => {
  const booted = attempt(installed(factoryControl(), 'r2', ['app']), at(100));

  it('comes with the time after its first boot, not before', () => {
    expect(trialEnd(booted, booted.trial!, at(160))).toBeUndefined();
    expect(trialEnd(booted, booted.trial!, at(161))).toMatch('60 seconds');
    expect(confirmRefusal(booted, at(160))).toBeUndefined();
    expect(confirmRefusal(booted, at(161))).toMatch('first booted 61 seconds ago');
  });

  it('does not come with a clock that was set back, but attempts still count', () => {
    expect(trialEnd(booted, booted.trial!, at(-100_000))).toBeUndefined();
    const last = attempt(attempt(booted, at(-100_000)), at(-100_000));
    expect(trialEnd(last, last.trial!, at(-100_000))).toMatch('no boot attempts');
  });

  it('comes with the watchdog, after which it cannot be confirmed', () => {
    const hung = watchdog(booted, at(101));
    expect(trialEnd(hung, hung.trial!, at(101))).toMatch('watchdog');
    expect(confirmRefusal(hung, at(101))).toMatch('watchdog');
  });

  it('leaves the last attempt its chance to be confirmed', () => {
    const last = attempt(attempt(booted, at(101)), at(102));
    expect(last.trial!.attemptsLeft).toBe(0);
    expect(confirmRefusal(last, at(103))).toBeUndefined();
  });

  it('cannot be confirmed before it has booted, or where there is none', () => {
    expect(confirmRefusal(installed(factoryControl(), 'r2', ['app']), at(0))).toMatch('has not booted');
    expect(confirmRefusal(factoryControl(), at(0))).toMatch('nothing is on trial');
  });
});

describe('confirming', () => {
  it('takes over a signed time, only forward', () => {
    const withTime = (createdAt: string, control = factoryControl()) => {
      const trial = attempt(installed(control, `r${control.releases.length + 1}`, ['app']), at(0));
      trial.trial!.record.createdAt = createdAt;
      return confirm(trial, at(10));
    };
    const first = withTime('2026-03-01T00:00:00Z');
    expect(first.timeFloor).toBe('2026-03-01T00:00:00Z');
    expect(withTime('2026-03-01T01:00:00+02:00', first).timeFloor).toBe('2026-03-01T00:00:00Z');
    expect(withTime('2026-02-28T23:30:00-02:00', first).timeFloor).toBe('2026-02-28T23:30:00-02:00');
  });

  it('keeps the keys that could sign only of what runs and of what is on trial', () => {
    let control = factoryControl();
    for (const name of ['r2', 'r3', 'r4']) {
      control = installed(control, name, ['app']);
      control.trial!.record.releaseKeyids = [digest(name)];
      control = confirm(attempt(control, at(0)), at(0));
    }
    expect(control.releases.map(({ releaseKeyids }) => releaseKeyids)).toEqual([
      undefined,
      undefined,
      undefined,
      [digest('r4')],
    ]);
  });

  it('lets the counter fall only when everybody has left who could sign before', () => {
    const control = factoryControl();
    control.releases[0] = { ...FACTORY, securityCounter: 2 ** 32 - 1, releaseKeyids: ['k1', 'k2'] };
    control.securityCounter = 2 ** 32 - 1;
    const trial = (releaseKeyids: string[]) => {
      const next = installed(control, 'r2', ['app']);
      next.trial!.record = { ...next.trial!.record, releaseKeyids };
      return next;
    };
    const recovered = trial(['k3']);
    expect(trialEnd(recovered, recovered.trial!, at(0))).toBeUndefined();
    expect(confirm(attempt(recovered, at(0)), at(0)).securityCounter).toBe(2);
    const stayed = trial(['k2', 'k3']);
    expect(trialEnd(stayed, stayed.trial!, at(0))).toMatch('security counter');
  });
});

describe('sets of images', () => {
  it('are found again by their hashes, also where a release brought only a part', () => {
    const second = confirm(attempt(installed(factoryControl(), 'r2', ['app']), at(0)), at(0));
    expect(second.active.slots).toEqual({ app: 'b', modem: 'main' });
    expect(setOf(second, FACTORY)).toEqual({ release: FACTORY.digest, slots: { app: 'a', modem: 'main' } });
    const third = confirm(attempt(installed(second, 'r3', ['app']), at(0)), at(0));
    expect(setOf(third, FACTORY)).toBeUndefined(); // its slot was needed
    expect(setOf(third, second.releases[1]!)).toEqual({ release: digest('r2'), slots: { app: 'b', modem: 'main' } });
  });

  it('never fall back below the stored counter', () => {
    const second = confirm(attempt(installed(factoryControl(), 'r2', ['app']), at(0)), at(0));
    expect(second.securityCounter).toBe(2);
    expect(fallbackCandidates(second)).toEqual([]);
    expect(fallbackCandidates({ ...second, securityCounter: 1 }).map(({ record }) => record.digest)).toEqual([
      FACTORY.digest,
    ]);
  });

  it('follow their images when two slots are swapped, and a second swap undoes the first', () => {
    const control = installed(factoryControl(), 'r2', ['modem']);
    const begun = beginSwap(control, at(0), 'modem');
    expect(begun.swap).toEqual({ component: 'modem', id: begun.sequence });
    const swapped = endSwap(begun, at(0), ['main', 'staging']);
    expect(swapped.active.slots.modem).toBe('staging');
    expect(swapped.trial!.slots.modem).toBe('main');
    expect(swapped.swap).toBeUndefined();
    expect(imagesOf(swapped, swapped.active)).toEqual(imagesOf(control, control.active));
    expect(() => beginSwap(begun, at(0), 'modem')).toThrow('still being swapped');
    const { sequence, event, ...back } = endSwap(beginSwap(swapped, at(0), 'modem'), at(0), ['staging', 'main']);
    const { sequence: _, event: __, ...start } = control;
    expect(back).toEqual(start);
    expect(event.type).toBe('swapped');
    expect(sequence).toBe(control.sequence + 4);
  });
});

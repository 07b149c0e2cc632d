import { edit, type Mutant } from './mutant.js';
import { SITUATIONS } from './situation.js';

const boot = edit('boot');
const control = edit('boot-control-file');
const log = edit('event-log');
const machine = edit('boot-machine');
const steps = edit('install-steps');
const commit = edit('commit-step');

/** Updaters that are careless with what a device knows. */
export const STATE_MUTANTS: Mutant[] = [
  // The boot control block
  {
    what: 'does not sync the boot control block',
    situation: SITUATIONS.twoSlots,
    edits: [
      control(
        'await this.#fs.write(name, 0, bytes);\n      await this.#fs.sync(name);',
        'await this.#fs.write(name, 0, bytes);',
      ),
    ],
    first: 'events.ndjson',
    breaks: 'reported-once',
  },
  {
    what: 'keeps one copy of the boot control block',
    situation: SITUATIONS.twoSlots,
    edits: [
      control('return BOOT_CONTROL_FILES[sequence % 2 === 0 ? 0 : 1];', 'return BOOT_CONTROL_FILES[1];'),
      control('if (sequence % 2 !== copy)', 'if (copy !== 1)'),
    ],
    first: 'boot-control.1',
    breaks: 'boots-whole-image',
  },
  {
    what: 'erases both copies of the boot control block before it writes one',
    situation: SITUATIONS.twoSlots,
    edits: [
      control(
        'try {\n      await this.#fs.erase(name, 0, capacity);',
        'try {\n      for (const each of BOOT_CONTROL_FILES) await this.#fs.erase(each, 0, capacity);',
      ),
    ],
    first: 'boot-control.1',
    breaks: 'boots-whole-image',
  },
  {
    what: 'does not check the CRC of the boot control block',
    situation: SITUATIONS.twoSlots,
    edits: [
      control('if (crc32(at.subarray(0, end - CRC_BYTES)) !== at.readUInt32LE(end - CRC_BYTES)) {', 'if (false) {'),
    ],
    first: 'boot',
    breaks: 'state-readable',
  },
  {
    what: 'takes the second copy of the boot control block wherever it is valid',
    situation: SITUATIONS.twoSlots,
    edits: [control('valid.sort((a, b) => b.sequence - a.sequence)[0]', 'valid.at(-1)')],
    first: 'boot-control.1',
    breaks: 'reported-once',
  },
  // Booting
  {
    what: 'boots without hashing images',
    situation: SITUATIONS.twoSlots,
    edits: [
      boot('const damages = await damageIn(device, trial);', 'const damages: Damage[] = [];'),
      boot('const damages = await damageIn(device, active);', 'const damages: Damage[] = [];'),
    ],
    first: 'boot',
    breaks: 'boots-whole-image',
  },
  {
    what: 'counts an attempt only once the firmware has come up',
    situation: SITUATIONS.badFirmware,
    edits: [
      boot(
        'await commitAnyway(device, attempt(control.current, clock.now()));\n  const attemptsLeft = control.current.trial!.attemptsLeft;\n  const behaviour = behaviourOf(ready.set.release);',
        "const behaviour = behaviourOf(ready.set.release);\n  if (behaviour === 'good') await commitAnyway(device, attempt(control.current, clock.now()));\n  const attemptsLeft = control.current.trial!.attemptsLeft;",
      ),
    ],
    first: 'boot',
    breaks: 'stable',
  },
  {
    what: 'does not count attempts',
    situation: SITUATIONS.badFirmware,
    edits: [machine('attemptsLeft: trial.attemptsLeft - 1', 'attemptsLeft: trial.attemptsLeft')],
    first: 'boot',
    breaks: 'stable',
  },
  {
    what: 'gives a release up without committing that',
    situation: SITUATIONS.badFirmware,
    edits: [
      boot('if (current.trial === undefined) {', 'if (current.trial === undefined || done.reverted !== undefined) {'),
      boot(
        'await commitAnyway(device, revert(control.current, machine.clock.now(), { reason: brief(reason), damaged: damages }));',
        '',
      ),
    ],
    first: 'boot',
    breaks: 're-apply',
  },
  // Confirming
  {
    what: 'makes a release permanent before it has run',
    situation: SITUATIONS.twoSlots,
    edits: [
      steps(
        'await commitStep(device, activate(control.current, clock.now(), { trial, written, trustRoot }));',
        'await commitStep(device, activate(control.current, clock.now(), { trial, written, trustRoot }));\n  await commitStep(device, confirm(control.current, clock.now()));',
      ),
      steps('import { activate, ', 'import { activate, confirm, '),
    ],
    first: 'boot',
    breaks: 'confirmed-by-request',
  },
  {
    what: 'leaves a release on trial that was confirmed',
    situation: SITUATIONS.twoSlots,
    edits: [
      machine(
        'const { trial: { record, release, slots } = trialOf(control), ...rest } = control;',
        'const { record, release, slots } = trialOf(control);\n  const rest = control;',
      ),
    ],
    first: 'boot',
    breaks: 'success-lasts',
  },
  {
    what: 'writes a confirmation to one copy of the boot control block',
    situation: SITUATIONS.twoSlots,
    edits: [
      control('await this.commit({ ...next, sequence: next.sequence + 1 });\n      return true;', 'return true;'),
    ],
    first: 'boot',
    breaks: 'success-lasts',
  },
  {
    what: 'stores the security counter when it activates a release',
    situation: SITUATIONS.raised,
    edits: [
      machine(
        'return next({ ...control, slots, trial, trustRoot }',
        'const { securityCounter } = trial.record;\n  return next({ ...control, slots, trial, trustRoot, securityCounter }',
      ),
    ],
    first: 'boot',
    breaks: 'counter-after-confirm',
  },
  {
    what: 'never stores the security counter',
    situation: SITUATIONS.raised,
    edits: [machine('      securityCounter,\n', '')],
    first: 'confirm',
    breaks: 'counter-after-confirm',
  },
  // The log
  {
    what: 'logs a commit before it is made',
    situation: SITUATIONS.twoSlots,
    edits: [
      commit(
        'await settleDevice(device);\n  await device.control.commit(next);',
        'await settleDevice(device);\n  await completeEventLog(device.machine.fs, next);\n  await device.control.commit(next);',
      ),
      commit(
        'import type { BootControl }',
        "import { completeEventLog } from './event-log.js';\nimport type { BootControl }",
      ),
    ],
    first: 'boot-control.0',
    breaks: 'reported-once',
  },
  {
    what: 'does not log what the boot before left unlogged',
    situation: SITUATIONS.twoSlots,
    edits: [
      commit('await settleDevice(device);\n  await device.control.commit(next);', 'await device.control.commit(next);'),
    ],
    first: 'events.ndjson',
    breaks: 'reported-once',
  },
  {
    what: 'appends to a torn line of the log',
    situation: SITUATIONS.twoSlots,
    edits: [log('const torn = tornBytes(lines, start === 0 ? 0 : 1);', 'const torn = 0;')],
    first: 'events.ndjson',
    breaks: 'reported-once',
  },
  {
    what: 'does not sync the log',
    situation: SITUATIONS.twoSlots,
    edits: [log('await fs.sync(EVENT_LOG_FILE);', '')],
    first: 'boot-control.1',
    breaks: 'reported-once',
  },
  // Trust roots
  {
    what: 'does not sync names',
    situation: SITUATIONS.raised,
    edits: [edit('whole-file')('await fs.syncDirectory();', '')],
    first: 'boot-control.1',
    breaks: 'state-readable',
  },
  {
    what: 'removes its trust root before the commit that refers to the next one',
    situation: SITUATIONS.raised,
    edits: [
      steps(
        'if (root.bytes !== undefined) await writeWhole(fs, trustRootFile(root.version), root.bytes);',
        'if (root.bytes === undefined) return;\n  await writeWhole(fs, trustRootFile(root.version), root.bytes);\n  await fs.remove(trustRootFile(root.version - 1));',
      ),
    ],
    first: 'boot-control.1',
    breaks: 'state-readable',
  },
];

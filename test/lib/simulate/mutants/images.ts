import { edit, type Mutant } from './mutant.js';
import { SITUATIONS } from './situation.js';

const boot = edit('boot');
const install = edit('install');
const slot = edit('write-slot');
const spool = edit('package-spool');
const steps = edit('install-steps');
const swap = edit('swap');

/** Updaters that are careless with what a device is to run. */
export const IMAGE_MUTANTS: Mutant[] = [
  // Slots
  {
    what: 'activates a release before it is written',
    situation: SITUATIONS.twoSlots,
    edits: [
      install(
        'const written = await writeTargets(',
        'await activateTargets(device, plan, opened);\n  const written = await writeTargets(',
      ),
      install('await activateTargets(device, plan, opened);\n  await settleQuietly(device);', ''),
    ],
    first: 'app.b.image',
    breaks: 'not-given-up',
  },
  {
    what: 'activates a release before its image is synced',
    situation: SITUATIONS.twoSlots,
    edits: [slot('await fs.sync(file);', '')],
    first: 'boot-control.1',
    breaks: 'not-given-up',
  },
  {
    what: 'writes into the slot that runs',
    situation: SITUATIONS.raised,
    edits: [
      edit('install-plan')(
        'const slot = targetSlot(layout, current, { component, sha256: target.sha256 }, pkg.digest);',
        'const slot = activeSlot;',
      ),
      install('await markTargets(device, plan);', ''),
    ],
    first: 'app.a.image',
    breaks: 'boots-whole-image',
  },
  {
    what: 'takes a block for written whose first bytes are there',
    situation: SITUATIONS.twoSlots,
    edits: [
      edit('flash')(
        'if (padded.equals(present.subarray(0, padded.length))) return 0;',
        'if (padded.subarray(0, 16).equals(present.subarray(0, 16))) return 0;',
      ),
    ],
    first: 'app.b.image',
    breaks: 're-apply',
  },
  {
    what: 'activates one component after the other',
    situation: SITUATIONS.raised,
    edits: [
      steps(
        'await commitStep(device, activate(control.current, clock.now(), { trial, written, trustRoot }));',
        `for (const count of written.keys()) {
    const part = written.slice(0, count + 1);
    const slots = { ...control.current.active.slots };
    for (const { component, slot } of part) slots[component] = slot;
    const partly = { trial: { ...trial, slots }, written: part, trustRoot };
    await commitStep(device, activate(control.current, clock.now(), partly));
  }`,
      ),
    ],
    first: 'boot-control.0',
    breaks: 'old-or-new',
  },
  // Exchanges
  {
    what: 'exchanges images without a journal',
    situation: SITUATIONS.oneSlot,
    edits: [
      edit('swap-journal')(
        'async add({ block, step }: SwapProgress): Promise<void> {',
        'async add({ block, step }: SwapProgress): Promise<void> {\n    this.#progress = { block, step };\n    if (this.#id > 0) return;',
      ),
    ],
    first: 'app.main.image',
    breaks: 're-apply',
  },
  {
    what: 'overwrites a block before its copy in scratch is synced',
    situation: SITUATIONS.oneSlot,
    edits: [
      swap(
        'await device.machine.fs.sync(to.file);',
        "if (!to.file.endsWith('.scratch')) await device.machine.fs.sync(to.file);",
      ),
    ],
    first: 'app.main.image',
    breaks: 're-apply',
  },
  {
    what: 'records a step of an exchange before it is done',
    situation: SITUATIONS.oneSlot,
    edits: [
      swap(
        'await copyBlock(device, { file: second, at }, { file: first, at });\n      await journal.add({ block, step: 2 });',
        'await journal.add({ block, step: 2 });\n      await copyBlock(device, { file: second, at }, { file: first, at });',
      ),
    ],
    first: 'app.swap',
    breaks: 'not-given-up',
  },
  {
    what: 'does not finish an exchange before it boots',
    situation: SITUATIONS.oneSlot,
    edits: [boot('if (unfinished !== undefined) {', "if (unfinished === 'constructor') {")],
    first: 'app.main.image',
    breaks: 'boots-whole-image',
  },
  // Downloads
  {
    what: 'counts bytes of a download before they are synced',
    situation: SITUATIONS.twoSlots,
    edits: [spool('await this.#fs.sync(DOWNLOAD_DATA);\n', '')],
    first: 'download.json',
    breaks: 're-apply',
  },
];

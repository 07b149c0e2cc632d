import { EventEmitter } from 'node:events';
import { text } from 'node:stream/consumers';
import { Args, type Config, Flags } from '@oclif/core';
import { untilAborted } from '../../../src/lib/core/abort.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { BaseCommand } from '../../../src/lib/ui/base-command.js';
import { byteSizeFlag, forceFlag, inputFlag, passphraseFlags } from '../../../src/lib/ui/flags.js';
import { readSecret } from '../../../src/lib/ui/secret.js';

/** Stands for any command: shows what it was given, then behaves as told. */
class Probe extends BaseCommand {
  static override args = { package: Args.string({ required: true }) };

  static override flags = {
    behaviour: Flags.string({ default: 'return' }),
    product: Flags.string(),
    threshold: Flags.integer({ min: 1, default: 1 }),
    key: Flags.file({ multiple: true, char: 'k', exclusive: ['trust'] }),
    trust: Flags.file({ exclusive: ['key'] }),
    base: inputFlag(),
    'max-size': byteSizeFlag(),
    color: Flags.boolean({ allowNo: true }),
    force: forceFlag,
    ...passphraseFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Probe);
    this.note('a note');
    this.warnUser('a warning');
    await this.#behave(flags.behaviour);
    this.print(`result ${args.package}`);
    return { args, flags };
  }

  async #behave(behaviour: string): Promise<void> {
    const { signal } = this;
    switch (behaviour) {
      case 'refuse':
        throw new OtaError('PAYLOAD_MISMATCH', 'app.bin: SHA-256 differs', ['Download it again.']);
      case 'bug':
        throw new TypeError('x is not a function\u001b[2J');
      case 'emit': // what nothing awaits
        setImmediate(() => new EventEmitter().emit('error', new TypeError('x is not a function')));
        return new Promise(() => setInterval(() => {}, 1000));
      case 'wait': // ends as libraries do: with an error of their own
        this.note('waiting');
        return new Promise((_, reject) => {
          const busy = setInterval(() => {}, 1000);
          signal.addEventListener('abort', () => {
            clearInterval(busy);
            reject(new DOMException('The operation was aborted', 'AbortError'));
          });
        });
      case 'read stdin':
        this.note('waiting');
        for await (const _ of untilAborted(process.stdin, signal)) this.note('got some');
        return;
      case 'ignore signals':
        signal.addEventListener('abort', () => this.note('raised'));
        this.note('waiting');
        return new Promise(() => setInterval(() => {}, 1000));
      case 'flood':
        for (let line = 0; line < 20_000; line++) this.print('x'.repeat(100));
        return;
      case 'secret':
        this.print(`secret of ${(await readSecret({ stdin: true, signal })).length} characters`);
        return;
      case 'progress': {
        const progress = this.progress('Working', { totalBytes: 2048 });
        progress.update(1024);
        throw new Error(await text(process.stdin));
      }
    }
  }
}

/** The part of oclif's Config that a running command uses. */
const config = {
  bin: 'ota',
  pjson: { name: 'probe', version: '1.0.0', oclif: { bin: 'ota', topicSeparator: ' ' } },
  root: import.meta.dirname, // without a build, so without a list of known options
  commandIDs: [],
  findCommand: () => undefined,
  topicSeparator: ' ',
  runHook: async () => ({ successes: [], failures: [] }),
  scopedEnvVarKeys: () => [],
} as unknown as Config;
Probe.id = 'probe';
const command = new Probe(process.argv.slice(2), config);
await (command as unknown as { _run(): Promise<unknown> })._run();

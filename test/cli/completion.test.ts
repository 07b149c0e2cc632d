import { describe, expect, test } from 'vitest';
import { completionCandidates } from '../../src/cli/completion/candidates.js';
import type { Manifest } from '../../src/cli/manifest.js';
import { runCli } from '../support/cli.js';

const manifest: Manifest = {
  version: '1.0.0',
  topics: { keys: 'Make and read keys.' },
  commands: {
    pack: {
      id: 'pack',
      summary: 'Build a package.',
      args: {},
      flags: {
        from: { name: 'from', type: 'option', multiple: true, summary: 'Base image.' },
        format: { name: 'format', type: 'option', options: ['bsdf2', 'bsdiff40'] },
        force: { name: 'force', char: 'f', type: 'boolean' },
        secret: { name: 'secret', type: 'option', hidden: true },
      },
    },
    'keys:generate': { id: 'keys:generate', summary: 'Make a key.', args: {}, flags: {} },
    'keys:public': { id: 'keys:public', args: { form: { options: ['pem', 'raw'] } }, flags: {} },
    complete: { id: 'complete', hidden: true, args: {}, flags: {} },
  },
};

const values = (...words: string[]) => completionCandidates(manifest, words).map(({ value }) => value);

describe('completionCandidates', () => {
  test('offers commands and topics, without hidden ones, with their summaries', () => {
    expect(completionCandidates(manifest, [''])).toEqual([
      { value: 'pack', summary: 'Build a package.' },
      { value: 'keys', summary: 'Make and read keys.' },
    ]);
  });

  test.each([
    ['the commands of a topic', ['keys', ''], ['generate', 'public']],
    ['only what begins like the word being typed', ['keys', 'g'], ['generate']],
    ['nothing, so that the shell offers files, where an argument is a path', ['pack', ''], []],
    ['the choices of an argument', ['keys', 'public', ''], ['pem', 'raw']],
    ['visible flags', ['pack', '--'], ['--from', '--format', '--force', '--help']],
    ['a repeatable flag again, another not', ['pack', '--from', 'a', '--force', '--f'], ['--from', '--format']],
    ['the choices of a flag', ['pack', '--format', 'bsdi'], ['bsdiff40']],
    ['nothing where a flag takes a path', ['pack', '--from', ''], []],
    ['nothing after an unknown command', ['nope', ''], []],
  ])('offers %s', (_, words, expected) => {
    expect(values(...words)).toEqual(expected);
  });
});

test('the hidden command that scripts call prints one candidate a line with its summary', async () => {
  const { status, stdout } = await runCli('ota', ['complete', '--', 'vers']);
  expect(stdout).toMatch(/^version\tShow .*\n$/);
  expect(status).toBe(0);
});

test.each(['bash', 'zsh', 'fish'])('a script for %s is printed, of the executable that was asked', async (shell) => {
  for (const executable of ['ota', 'fleet'] as const) {
    const { status, stdout } = await runCli(executable, ['completion', shell]);
    expect(stdout).toContain(`${executable} complete -- `);
    expect(status).toBe(0);
  }
});

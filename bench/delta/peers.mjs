// The other delta engines, as commands. One that is not installed is left out and named.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const wrapper = join(import.meta.dirname, 'run-hdiffpatch.py');

/** Images above this size are too much for an engine whose time or memory grows faster than they do. */
const MIB = 1024 * 1024;

/**
 * @param python interpreter that has hdiffpatch, detools and bsdiff4
 * @returns engines: name, whether it knows instruction sets, largest image in bytes, commands of diff and apply
 */
export function peers(python) {
  const detools = join(python, '../detools');
  const bsdiff4 = [python, '-c', 'import bsdiff4,sys; getattr(bsdiff4, sys.argv[1])(*sys.argv[2:])'];
  return [
    {
      name: 'bsdiff 4.3',
      probe: ['bsdiff'],
      diff: ({ old, target, patch }) => ['bsdiff', old, target, patch],
      apply: ({ old, patch, out }) => ['bspatch', old, out, patch],
    },
    {
      name: 'bsdiff4',
      probe: [python, '-c', 'import bsdiff4'],
      diff: ({ old, target, patch }) => [...bsdiff4, 'file_diff', old, target, patch],
      apply: ({ old, patch, out }) => [...bsdiff4, 'file_patch', old, out, patch],
      maxBytes: 64 * MIB,
    },
    {
      name: 'xdelta3 -9',
      probe: ['xdelta3', '-V'],
      diff: ({ old, target, patch }) => ['xdelta3', '-9', '-f', '-e', '-B', '536870912', '-s', old, target, patch],
      apply: ({ old, patch, out }) => ['xdelta3', '-f', '-d', '-B', '536870912', '-s', old, patch, out],
    },
    {
      name: 'zstd -22',
      probe: ['zstd', '-V'],
      diff: ({ old, target, patch }) => [
        ...['zstd', '-q', '-f', '--ultra', '-22', '--long=28'],
        ...[`--patch-from=${old}`, target, '-o', patch],
      ],
      apply: ({ old, patch, out }) => ['zstd', '-q', '-f', '-d', '--long=28', `--patch-from=${old}`, patch, '-o', out],
    },
    {
      name: 'rdiff',
      probe: ['rdiff', '-V'],
      diff: ({ old, target, patch }) => [
        ...['sh', '-c', 'rdiff -f signature "$1" "$3.sig" && rdiff -f delta "$3.sig" "$2" "$3" && rm "$3.sig"'],
        ...['rdiff', old, target, patch],
      ],
      apply: ({ old, patch, out }) => ['rdiff', '-f', 'patch', old, patch, out],
    },
    {
      name: 'HDiffPatch lzma2',
      probe: [python, '-c', 'import hdiffpatch'],
      diff: ({ old, target, patch }) => [python, wrapper, 'diff', old, target, patch],
      apply: ({ old, patch, out }) => [python, wrapper, 'apply', old, patch, out],
    },
    {
      name: 'detools',
      probe: [detools, '--version'],
      diff: ({ old, target, patch }) => [detools, 'create_patch', old, target, patch],
      apply: ({ old, patch, out }) => [detools, 'apply_patch', old, patch, out],
      maxBytes: 64 * MIB,
    },
    ...['arm-cortex-m4', 'aarch64', 'xtensa-lx106'].map((machine) => ({
      name: `detools ${machine}`,
      machine,
      probe: [detools, '--version'],
      diff: ({ old, target, patch }) => [detools, 'create_patch', '--data-format', machine, old, target, patch],
      apply: ({ old, patch, out }) => [detools, 'apply_patch', old, patch, out],
      maxBytes: 16 * MIB,
    })),
  ];
}

/** Whether the first word of a command can be run at all; what it answers does not matter. */
export function isInstalled({ probe: [program, ...parameters] }) {
  const { error, status } = spawnSync(program, parameters, { stdio: 'ignore', timeout: 20_000 });
  return error === undefined && (program.includes('python') || program === 'sh' ? status === 0 : true);
}

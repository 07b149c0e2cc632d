// Our own formats as engines: whole processes of `ota pack` and `ota apply`, with signing, verification, both hashes,
// atomic output and the start of Node.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ota = [process.execPath, join(import.meta.dirname, '../../bin/ota.js')];

/** @param work folder that gets a signing key */
export function ours(work) {
  const key = join(work, 'bench');
  if (!existsSync(`${key}.key`)) run('keys', 'generate', '--out', key);
  return [
    engine('ota otad', ['--format', 'otad', '--repack', 'off']),
    engine('ota otad-repack', ['--format', 'otad-repack']),
    engine('ota otad brotli', ['--format', 'otad', '--repack', 'off', '--coder', 'brotli']),
    // Nothing is compressed, so what is left of its cost is matching and prediction.
    engine('ota otad uncoded', ['--format', 'otad', '--repack', 'off', '--coder', 'none']),
    engine('ota bsdf2', ['--format', 'bsdf2']),
    engine('ota bsdiff40', ['--format', 'bsdiff40']),
  ];

  function engine(name, parameters) {
    return {
      name,
      family: 'ours',
      diff: ({ old, target, patch }) => [
        ...[...ota, 'pack', '--from', old, '--to', target, '--out', patch, '--sign', `${key}.key`],
        ...['--product', 'bench', '--model', 'bench', '--version', '1.0.0', '--sequence', '1', '--force', '--json'],
        ...parameters,
      ],
      patchBytes: ({ patch }) => JSON.parse(run('inspect', patch, '--json')).payloads[0].size,
      apply: ({ old, patch, out }) => [
        ...[...ota, 'apply', patch, '--key', `${key}.pub`, '--base', old, '--out', out, '--json'],
      ],
    };
  }
}

function run(...parameters) {
  return execFileSync(ota[0], [ota[1], ...parameters], { encoding: 'utf8' });
}

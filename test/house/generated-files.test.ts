import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

test('the command reference, the exit statuses and the command surface equal what the code says', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts/generate.mjs'), '--check'], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

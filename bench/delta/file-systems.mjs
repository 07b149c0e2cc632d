// Images of file systems that are the same bytes whenever and wherever they are made from the same files.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

export const SQUASHFS_CODERS = ['gzip', 'xz', 'zstd', 'lz4'];

/** All times in them, seconds since 1970: 14 November 2023. */
const TIME = '1700000000';
const UUID = '6a1f5d0e-0000-4000-8000-000000000001';
const HASH_SEED = '6a1f5d0e-0000-4000-8000-000000000002';
const EXT4_SIZE = '192M';

/** Unpacks Debian packages, and gives every file the same time. */
export function extracted(archives, root) {
  mkdirSync(root);
  for (const archive of archives) run('dpkg-deb', ['-x', archive, root]);
  run('find', [root, '-exec', 'touch', '-h', '-d', `@${TIME}`, '{}', '+']);
}

export function ext4Image(root, image) {
  // without a journal: the time it was made at is not to be set
  const features = ['-O', '^has_journal', '-U', UUID, '-E', `hash_seed=${HASH_SEED},lazy_itable_init=0`];
  run('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    '4096',
    '-I',
    '256',
    '-m',
    '0',
    ...features,
    '-d',
    root,
    image,
    EXT4_SIZE,
  ]);
  // mke2fs copies when files were changed and read on this machine, which touch cannot set
  const paths = run('find', [root, '-mindepth', '1', '-printf', '/%P\\n']).toString().split('\n').filter(Boolean);
  const fields = ['ctime', 'atime', 'ctime_extra', 'atime_extra'];
  const commands = ['/', '/lost+found', ...paths].flatMap((path) =>
    fields.map((field) => `sif "${path}" ${field} ${field.endsWith('extra') ? '0' : `@${TIME}`}`),
  );
  run('debugfs', ['-w', '-f', '-', image], `${commands.join('\n')}\n`);
}

export function squashfsImage(root, image, coder) {
  const times = ['-mkfs-time', TIME, '-all-time', TIME];
  // one processor: with several, fragments are laid out as they happen to be ready
  run('mksquashfs', [root, image, '-comp', coder, ...times, '-noappend', '-no-progress', '-quiet', '-processors', '1']);
}

function run(program, parameters, input = '') {
  const env = { ...process.env, E2FSPROGS_FAKE_TIME: TIME };
  return execFileSync(program, parameters, { input, env, maxBuffer: 2 ** 30, stdio: ['pipe', 'pipe', 'ignore'] });
}

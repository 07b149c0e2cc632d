// Pairs of real firmware from Debian 12 and npm, in pinned versions, for run.mjs.
// Usage: node bench/delta/fetch-pairs.mjs DIR [--pair NAME …]
// Needs apt-get, dpkg-deb, xz; and mksquashfs (squashfs-tools) and mke2fs for the pairs that are file systems.
// A version that Debian no longer serves is reported and its pair left out.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const KERNELS = ['6.1.0-47=6.1.170-3', '6.1.0-50=6.1.176-1'];
const OPENSSL = ['3.0.20-1~deb12u2', '3.0.22-1~deb12u2'];
const PYTHON = ['3.11.2-6+deb12u8', '3.11.2-6+deb12u9'];
const GRUB = ['2.06-13+deb12u1', '2.06-13+deb12u2'];
const EDK2 = ['2022.11-6+deb12u1', '2022.11-6+deb12u2'];

/** Each pair: a package for each version, and the file in it. */
const FROM_DEBIAN = {
  ovmf: [EDK2.map((v) => `ovmf=${v}`), 'usr/share/OVMF/OVMF_CODE_4M.fd'],
  aavmf: [EDK2.map((v) => `qemu-efi-aarch64=${v}`), 'usr/share/AAVMF/AAVMF_CODE.fd'],
  grubx64: [GRUB.map((v) => `grub-efi-amd64-bin=${v}`), 'usr/lib/grub/x86_64-efi/monolithic/grubx64.efi'],
  grubaa64: [GRUB.map((v) => `grub-efi-arm64-bin:arm64=${v}`), 'usr/lib/grub/arm64-efi/monolithic/grubaa64.efi'],
  'libcrypto-arm64': [OPENSSL.map((v) => `libssl3:arm64=${v}`), 'usr/lib/aarch64-linux-gnu/libcrypto.so.3'],
  'libcrypto-x64': [OPENSSL.map((v) => `libssl3=${v}`), 'usr/lib/x86_64-linux-gnu/libcrypto.so.3'],
  'python-arm64': [PYTHON.map((v) => `python3.11-minimal:arm64=${v}`), 'usr/bin/python3.11'],
  'python-x64': [PYTHON.map((v) => `python3.11-minimal=${v}`), 'usr/bin/python3.11'],
  'image-arm64': [KERNELS.map((v) => v.replace(/(.*)=/, 'linux-image-$1-arm64-unsigned:arm64=')), 'boot/vmlinuz-'],
  'bzimage-x64': [KERNELS.map((v) => v.replace(/(.*)=/, 'linux-image-$1-amd64-unsigned=')), 'boot/vmlinuz-'],
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { pair: { type: 'string', multiple: true } },
});
const out = resolve(positionals[0] ?? 'pairs');
const work = mkdtempSync(join(tmpdir(), 'ota-pairs-'));
mkdirSync(join(work, 'lists/partial'), { recursive: true });
mkdirSync(out, { recursive: true });
const wanted = (name) => values.pair?.includes(name) ?? true;

try {
  for (const hub of ['movehub', 'primehub'].filter(wanted)) fromNpm(hub);
  const debian = Object.entries(FROM_DEBIAN).filter(([name]) => wanted(name));
  if (debian.length > 0) apt('update');
  for (const [name, [packages, path]] of debian) fromDebian(name, packages, path);
  if (wanted('vmlinux-x64')) unpackedKernel();
} finally {
  rmSync(work, { recursive: true });
}

function fromNpm(hub) {
  for (const [side, version] of Object.entries({ old: '7.27.0', new: '7.28.0' })) {
    run('npm', ['pack', '--silent', '--pack-destination', work, `@pybricks/firmware@${version}`]);
    run('tar', ['xzf', join(work, `pybricks-firmware-${version}.tgz`), '-C', work]);
    const image = run('unzip', ['-qp', join(work, `package/build/${hub}.zip`), 'firmware-base.bin']);
    writeFileSync(join(out, `${hub}.${side}`), image);
    console.log(`${hub}.${side}`);
  }
}

function fromDebian(name, packages, path) {
  for (const [index, one] of packages.entries()) {
    const side = ['old', 'new'][index];
    const root = join(work, 'root');
    try {
      apt('download', one);
      run('sh', ['-c', `dpkg-deb -x *.deb root && rm *.deb`]);
      const file = run('sh', ['-c', `ls root/${path}*`])
        .toString()
        .trim();
      copyFileSync(join(work, file), join(out, `${name}.${side}`));
      console.log(`${name}.${side}`);
    } catch {
      console.error(`${name}: ${one} is not to be had`);
    }
    rmSync(root, { recursive: true, force: true });
  }
}

/** The kernel inside a bzImage. @see Linux, Documentation/arch/x86/boot.rst: payload_offset, payload_length */
function unpackedKernel() {
  for (const side of ['old', 'new']) {
    const image = readFileSync(join(out, `bzimage-x64.${side}`));
    const start = (image[0x1f1] + 1) * 512 + image.readUInt32LE(0x248);
    const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4); // the size of the kernel follows it
    writeFileSync(
      join(out, `vmlinux-x64.${side}`),
      execFileSync('xz', ['-dc'], { input: payload, maxBuffer: 2 ** 30 }),
    );
    console.log(`vmlinux-x64.${side}`);
  }
}

function apt(...parameters) {
  run('apt-get', [
    ...['-qq', '-o', 'APT::Architectures::=amd64', '-o', 'APT::Architectures::=arm64'],
    ...['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', 'APT::Sandbox::User=root'],
    ...parameters,
  ]);
}

function run(program, parameters) {
  return execFileSync(program, parameters, { cwd: work, maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'ignore'] });
}

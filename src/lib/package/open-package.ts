import { OtaError } from '../core/errors.js';
import { openFile } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { ResourceStack } from '../core/resource-stack.js';
import { patchFormat } from '../delta/patch-format.js';
import { type LocalInputOptions, openLocalInput } from '../net/local-input.js';
import { type AuthenticPackage, authenticatePackage } from './authenticate.js';
import { CONTAINER_LIMITS, type Container, openContainer } from './container.js';
import type { TrustAnchor, TrustTime } from './trust-anchor.js';

export type PackageInput = Omit<LocalInputOptions, 'maxBytes'>;

/** A package file that stays open until disposal. */
export interface OpenPackage extends AsyncDisposable {
  container: Container;
  /** The whole file. */
  data: RandomAccess;
  /** Bytes. */
  size: number;
}

/** A package file whose metadata is authentic. */
export interface OpenAuthenticPackage extends OpenPackage {
  pkg: AuthenticPackage;
}

/**
 * Opens a package from a path, stdin (`-`) or an http(s) address and reads its framing.
 *
 * @throws OtaError as `openLocalInput` and `openContainer`
 */
export async function openPackage(spec: string, input: PackageInput = {}): Promise<OpenPackage> {
  await using open = new ResourceStack();
  const file = open.use(await openPackageFile(spec, input));
  const container = await openContainer(file.data).catch(async (error: unknown) => {
    throw (await barePatch(file.data)) ?? error;
  });
  const kept = open.move();
  return { container, ...file, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** What to say of a file that is a patch without its package. */
async function barePatch(file: RandomAccess): Promise<OtaError | undefined> {
  const format = await patchFormat(file).catch(() => undefined);
  if (format === undefined) return undefined;
  return new OtaError('CONTAINER_INVALID', `${file.name}: not a valid package but a patch of format ${format}`, [
    'Name the package that it came in: a patch by itself carries no signature.',
  ]);
}

/** As {@link openPackage}, before anything of it is read: it may be no package. */
export async function openPackageFile(spec: string, input: PackageInput = {}): Promise<Omit<OpenPackage, 'container'>> {
  await using open = new ResourceStack();
  const local = open.use(await openLocalInput(spec, { ...input, maxBytes: CONTAINER_LIMITS.containerBytes }));
  const file = open.use(await openFile(local.path));
  const data = { name: local.name, size: file.size, read: file.read };
  const kept = open.move();
  return { data, size: file.size, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/**
 * As {@link openPackage}, and checks who signed it.
 *
 * @throws OtaError also as `followRotations` and `authenticatePackage`
 */
export async function openAuthenticPackage(
  spec: string,
  { anchor, now, allowTestKeys, ...input }: PackageInput & TrustTime & { anchor: TrustAnchor },
): Promise<OpenAuthenticPackage> {
  const file = await openPackage(spec, input);
  try {
    const trust = anchor.forContainer(file.container, { now, allowTestKeys });
    return { ...file, pkg: authenticatePackage(file.container, { trust, now, allowTestKeys }) };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

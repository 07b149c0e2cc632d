import { OtaError } from '../core/errors.js';

/** The role that signs trust roots themselves. */
export const ROOT_ROLE = 'root';

/** What a product may be called, in metadata and in role names. */
export const PRODUCT_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const RELEASE_PREFIX = 'release:';

/** The role whose keys sign packages of this product. */
export function releaseRole(product: string): string {
  return `${RELEASE_PREFIX}${product}`;
}

/** The product of a release role, or undefined for any other name. */
export function productOf(role: string): string | undefined {
  const product = role.startsWith(RELEASE_PREFIX) ? role.slice(RELEASE_PREFIX.length) : '';
  return PRODUCT_NAME.test(product) ? product : undefined;
}

/** @throws OtaError USAGE unless `role` is `root` or `release:<product>` */
export function requireRoleName(role: string): string {
  if (role === ROOT_ROLE || productOf(role) !== undefined) return role;
  throw new OtaError('USAGE', `${JSON.stringify(role)} is not a role, expected "root" or "release:PRODUCT"`, [
    'A product has at most 64 lowercase letters, digits, dots, hyphens and underscores.',
  ]);
}

import { OtaError } from '../lib/core/errors.js';
import { basic, bearer, type CredentialSource } from '../lib/fleet-api/credential.js';
import { secretOfEnvironment } from '../lib/ui/secret.js';

interface CredentialFlags {
  readonly 'token-env'?: string | undefined;
  readonly username?: string | undefined;
  readonly 'password-env'?: string | undefined;
}

/** Whatever flags say in place of a login. */
export function givenCredential(flags: CredentialFlags): CredentialSource | undefined {
  const token = tokenOf(flags);
  if (token !== undefined) return bearer(token);
  const { username, 'password-env': variable } = flags;
  if (username === undefined || variable === undefined) return undefined;
  return basic(checkedUsername(username), secretOfEnvironment(variable, 'password-env'));
}

/** @throws OtaError USAGE: RFC 7617 parts name and password at the first colon */
export function checkedUsername(name: string): string {
  if (/^[^:\p{Cc}]{1,256}$/u.test(name)) return name;
  throw new OtaError('USAGE', 'the user name is empty, too long, or has a colon or a control character in it');
}

function tokenOf({ 'token-env': variable }: CredentialFlags): string | undefined {
  if (variable === undefined) return undefined;
  return checkedToken(secretOfEnvironment(variable, 'token-env'));
}

/** @throws OtaError USAGE; the token is not repeated */
export function checkedToken(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{8,4096}$/.test(token)) return token;
  throw new OtaError('USAGE', 'what was given is no token: expected 8 characters or more and no white space', [
    '`fleet serve` writes the first one to DATA/admin-token.',
  ]);
}

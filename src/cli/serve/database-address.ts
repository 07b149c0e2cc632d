import { OtaError } from '../../lib/core/errors.js';
import { secretOfEnvironment } from '../../lib/ui/secret.js';

/**
 * Where `--db` says that PostgreSQL is.
 *
 * @throws OtaError USAGE when it is no such address, SECRET_IN_ARGV when a password stands in it
 */
export function databaseAddress(
  text: string | undefined,
  passwordVariable: string | undefined,
): { url: URL; password?: string } | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new OtaError('USAGE', '--db is no address of a PostgreSQL database', [
      'Write postgres://USER@HOST/DATABASE; without --db the embedded database is used.',
    ]);
  }
  if (url.password !== '') {
    throw new OtaError('SECRET_IN_ARGV', 'the address of --db carries a password, which other users can read', [
      'Leave it out, and name the environment variable that holds it with --db-password-env. Change this password.',
    ]);
  }
  if (passwordVariable === undefined) return { url };
  return { url, password: secretOfEnvironment(passwordVariable, 'db-password-env') };
}

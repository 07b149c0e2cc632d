import { OtaError } from '../core/errors.js';

const SECRET_NAMES = ['passphrase', 'password', 'passwd', 'pass', 'token', 'secret', 'pin', 'api-key', 'private-key'];

/** Does a flag or a setting of this name hold a secret itself (and not, like `passphrase-env`, say where one is)? */
export function namesSecret(name: string): boolean {
  return SECRET_NAMES.includes(name.toLowerCase().replaceAll('_', '-'));
}

/**
 * Refuses a secret on the command line, where every user of the machine, the shell's history and
 * CI logs can read it. The value is not repeated.
 *
 * @param argv  words after the command
 * @param flags names of the flags the command does have
 * @throws OtaError SECRET_IN_ARGV
 */
export function refuseSecretsInArgv(argv: readonly string[], flags: readonly string[]): void {
  for (const word of argv) {
    if (word === '--') return;
    const name = /^--?([A-Za-z][\w-]*)/.exec(word)?.[1];
    if (name === undefined || flags.includes(name) || !namesSecret(name)) continue;
    const ways = flags.filter((flag) => /-(env|stdin)$/.test(flag)).map((flag) => `--${flag}`);
    throw new OtaError(
      'SECRET_IN_ARGV',
      `--${name}: a secret on the command line can be read by other users and stays in the history`,
      [ways.length > 0 ? `Use ${ways.join(' or ')}, and change this secret.` : 'Change this secret.'],
    );
  }
}

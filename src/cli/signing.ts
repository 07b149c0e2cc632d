import { Flags } from '@oclif/core';
import { commandSigner } from '../lib/trust/command-signer.js';
import { isReadableByOthers } from '../lib/trust/key-file.js';
import { readPublicKey } from '../lib/trust/public-key.js';
import { openFileSigner, type PassphraseSource, type Signer } from '../lib/trust/signer.js';
import { passphraseFlags } from '../lib/ui/flags.js';
import { readSecret } from '../lib/ui/secret.js';

/** A key behind a command, and passphrases for key files: the same on every command that signs. */
export const signerFlags = {
  'signer-command': Flags.string({
    summary: 'Sign by this shell command: bytes on stdin, signature on stdout. Needs --public.',
    helpValue: 'CMD',
    dependsOn: ['public'],
    helpGroup: 'SIGNING',
  }),
  public: Flags.file({
    summary: 'Public key of the signer command; its signature is checked against it.',
    helpValue: 'FILE',
    dependsOn: ['signer-command'],
    helpGroup: 'SIGNING',
  }),
  'signer-timeout-seconds': Flags.integer({
    summary: 'Kill the signer command after this time.',
    helpValue: 'N',
    min: 1,
    max: 3600,
    default: 120,
    helpGroup: 'SIGNING',
  }),
  'passphrase-env': { ...passphraseFlags['passphrase-env'], helpGroup: 'SIGNING' },
  'passphrase-stdin': { ...passphraseFlags['passphrase-stdin'], helpGroup: 'SIGNING' },
};

export interface SignerChoice {
  'signer-command'?: string | undefined;
  public?: string | undefined;
  'signer-timeout-seconds': number;
  'passphrase-env'?: string | undefined;
  'passphrase-stdin'?: boolean | undefined;
}

export interface SignerSurroundings {
  signal: AbortSignal;
  /** Gets a sentence about a key file that others can read. */
  warn: (text: string) => void;
}

/**
 * Opens the signers that the flags name: private key files first, then the signer command.
 * @throws OtaError as `openFileSigner` and `readPublicKey`
 */
export async function openSigners(
  keyPaths: readonly string[],
  flags: SignerChoice,
  { signal, warn }: SignerSurroundings,
): Promise<Signer[]> {
  const getPassphrase = passphraseSource(flags, signal);
  const signers: Signer[] = [];
  for (const path of keyPaths) {
    signers.push(await openFileSigner(path, getPassphrase));
    if (await isReadableByOthers(path)) {
      warn(`${path}: this private key can be read by other users of the machine; run \`chmod 600 ${path}\``);
    }
  }
  const { 'signer-command': command, public: publicPath } = flags;
  if (command !== undefined && publicPath !== undefined) {
    signers.push(
      commandSigner({
        command,
        publicKey: await readPublicKey(publicPath),
        timeoutMs: flags['signer-timeout-seconds'] * 1000,
        onStderr: (text) => process.stderr.write(text),
        ownSession: process.stdin.isTTY !== true,
      }),
    );
  }
  return signers;
}

/** One passphrase from a flag opens every key file; at a prompt each is asked for. */
export function passphraseSource(
  flags: Pick<SignerChoice, 'passphrase-env' | 'passphrase-stdin'>,
  signal: AbortSignal,
): PassphraseSource {
  let given: Promise<string> | undefined;
  return (name) => {
    const { 'passphrase-env': envName, 'passphrase-stdin': stdin } = flags;
    if (envName === undefined && !stdin) return readSecret({ prompt: { message: `Passphrase of ${name}` }, signal });
    given ??= readSecret({ envName, stdin, signal });
    return given;
  };
}

import { Flags } from '@oclif/core';
import { keyPairPaths, refuseExisting, writeKeyPair } from '../../../lib/trust/key-file.js';
import { generatePrivateKey } from '../../../lib/trust/private-key.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag, passphraseFlags } from '../../../lib/ui/flags.js';
import { readSecret } from '../../../lib/ui/secret.js';
import { generatedKeyText } from '../../../lib/ui/trust-text.js';

/** What `ota keys generate --json` prints. */
export interface GeneratedKey {
  /** SHA-256 of the public key's SubjectPublicKeyInfo. Absent in a dry run, which makes no key. */
  keyid?: string;
  privateKey: string;
  publicKey: string;
  encrypted: boolean;
  test: boolean;
  dryRun: boolean;
}

export default class KeysGenerate extends BaseCommand {
  static override summary = 'Make an Ed25519 key pair.';

  static override description =
    'Writes NAME.key (PKCS#8, mode 0600, never over an existing file unless --force is given) and NAME.pub ' +
    '(SubjectPublicKeyInfo), both PEM that openssl reads. Keep NAME.key to yourself; give NAME.pub to those who verify.\n\n' +
    'Exits 2 when a passphrase is wanted and cannot be asked for, 6 when a file cannot be written, 8 when one exists.';

  static override examples = [
    {
      description: 'Make release.key and release.pub, protected by a passphrase that is asked for:',
      command: '<%= config.bin %> <%= command.id %> --out release --encrypt',
    },
    {
      description: 'Make a key for a demo, which verify refuses without --allow-test-keys:',
      command: '<%= config.bin %> <%= command.id %> --out demo/release --test',
    },
  ];

  static override flags = {
    out: Flags.file({
      char: 'o',
      summary: 'Name of the pair: release stands for release.key and release.pub.',
      helpValue: 'NAME',
      required: true,
    }),
    encrypt: Flags.boolean({
      summary: 'Protect the private key by a passphrase: from --passphrase-env or --passphrase-stdin, else asked for.',
      default: false,
    }),
    ...passphraseFlags,
    test: Flags.boolean({ summary: 'Mark both files as a test key.', default: false }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<GeneratedKey> {
    const { flags } = await this.parse(KeysGenerate);
    const { test, force, 'passphrase-env': envName, 'passphrase-stdin': stdin, 'dry-run': dryRun } = flags;
    const paths = keyPairPaths(flags.out);
    const encrypted = flags.encrypt || envName !== undefined || stdin === true;
    const result = { privateKey: paths.privatePath, publicKey: paths.publicPath, encrypted, test, dryRun };
    if (!force) await refuseExisting(paths);
    if (!dryRun) {
      const prompt = { message: `New passphrase of ${paths.privatePath}`, confirm: true };
      const passphrase = encrypted ? await readSecret({ envName, stdin, prompt, signal: this.signal }) : undefined;
      const key = generatePrivateKey({ isTest: test });
      await writeKeyPair(paths, key, { passphrase, force, signal: this.signal });
      Object.assign(result, { keyid: key.publicKey.keyid });
    }
    this.print(generatedKeyText(result));
    return result;
  }
}

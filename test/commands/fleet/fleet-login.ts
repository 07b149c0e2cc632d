import { systemClock } from '../../../src/lib/core/clock.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { type CliOptions, type CliResult, type Executable, runCli } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { cliInProcess, type Outcome } from '../in-process.js';

type DeskOptions = Pick<CliOptions, 'env' | 'stdin'>;

/** A real server, and a person with a configuration folder of their own. */
export interface FleetDesk extends AsyncDisposable {
  readonly server: TestServer;
  readonly folder: TestFolder;
  /** Runs `fleet`, in this process and one at a time; words are parted at blanks. */
  fleet(words: string | readonly string[], options?: DeskOptions): Promise<CliResult>;
  /** The same with `ota`. */
  ota(words: string | readonly string[], options?: DeskOptions): Promise<Outcome>;
  /** `fleet` as an executable. */
  start(words: string, options?: DeskOptions): Promise<CliResult>;
  /** Logs in with the admin's token. */
  login(): Promise<void>;
}

/** @param server one that is shared by a file; else a new one */
export async function openDesk(server?: TestServer): Promise<FleetDesk> {
  const folder = await testFolder();
  const shared = server ?? (await startTestServer({ isShared: true, clock: systemClock }));
  const at = (options: DeskOptions) => ({
    ...options,
    cwd: folder.path,
    env: { XDG_CONFIG_HOME: folder.file('config'), XDG_STATE_HOME: folder.file('state'), ...options.env },
  });
  const run =
    (executable: Executable) =>
    (words: string | readonly string[], options: DeskOptions = {}) =>
      cliInProcess(executable, typeof words === 'string' ? words.split(' ') : words, at(options));
  const fleet = run('fleet');
  return {
    server: shared,
    folder,
    fleet,
    ota: run('ota'),
    start: (words, options = {}) => runCli('fleet', words.split(' '), at(options)),
    async login() {
      const { status, stderr } = await fleet(`login ${shared.url} --token-stdin`, { stdin: shared.token('admin') });
      if (status !== 0) throw new Error(stderr);
    },
    async [Symbol.asyncDispose]() {
      await folder[Symbol.asyncDispose]();
      if (server === undefined) await shared.stop();
    },
  };
}

import { systemClock } from '../../../src/lib/core/clock.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { type CliOptions, type CliResult, runCli } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

/** A real server, and a person with a configuration folder of their own. */
export interface FleetDesk extends AsyncDisposable {
  readonly server: TestServer;
  readonly folder: TestFolder;
  /** Runs `fleet`; words are parted at blanks. */
  fleet(words: string | readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Logs in with the admin's token. */
  login(): Promise<void>;
}

/** @param server one that is shared by a file; else a new one */
export async function openDesk(server?: TestServer): Promise<FleetDesk> {
  const folder = await testFolder();
  const shared = server ?? (await startTestServer({ isShared: true, clock: systemClock }));
  const fleet = (words: string | readonly string[], options: CliOptions = {}) =>
    runCli('fleet', typeof words === 'string' ? words.split(' ') : words, {
      cwd: folder.path,
      ...options,
      env: { XDG_CONFIG_HOME: folder.file('config'), ...options.env },
    });
  return {
    server: shared,
    folder,
    fleet,
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

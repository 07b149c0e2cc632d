import { defineConfig } from 'vitest/config';
import { mutantSource } from './test/support/mutant-source.js';

export default defineConfig({
  plugins: [mutantSource()],
  test: {
    disableConsoleIntercept: true,
    setupFiles: ['test/support/property-seed.ts'],
    isolate: false, // files leave nothing behind; loading everything anew for each takes a fifth of the time
    maxWorkers: '100%', // most tests wait for a process they have started
    testTimeout: 60_000, // against hanging only: the machine may have other work
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      // Needs nothing but Node and npm.
      {
        extends: true,
        test: { name: 'default', include: ['test/**/*.test.ts'], exclude: ['test/service/**', 'test/proof/**'] },
      },
      // Needs other tools (bsdiff, openssl, strace, Mosquitto, PostgreSQL, an installed tarball …) or many processes.
      {
        extends: true,
        test: { name: 'service', include: ['test/service/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
      },
      // Needs strace and a quarter of an hour.
      {
        extends: true,
        test: { name: 'proof', include: ['test/proof/**/*.test.ts'], testTimeout: 3_600_000, hookTimeout: 120_000 },
      },
    ],
  },
});

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * Four suites over one tree. `unit` and `smoke` are `npm test`; `e2e` and `differential` start servers for minutes and
 * are their own commands. A file under test/acceptance named `*.smoke.test.ts` belongs to both `smoke` and `e2e`.
 */
const started = ['test/acceptance/**', 'test/differential/**', 'test/attacks/**'];

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    passWithNoTests: true,
    setupFiles: ['test/support/seed.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: started, testTimeout: 30_000 },
      },
      {
        extends: true,
        test: { name: 'smoke', include: ['test/acceptance/**/*.smoke.test.ts'], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'e2e', include: ['test/acceptance/**/*.test.ts'], testTimeout: 60_000, fileParallelism: false },
      },
      {
        extends: true,
        test: {
          name: 'differential',
          include: ['test/differential/**/*.test.ts'],
          testTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.mjs'],
    // Browsers start slowly on a busy machine.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Each file has a process of its own: the addon's threads and counters are those of the process.
    pool: 'forks',
  },
});

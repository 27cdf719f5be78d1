if (parseInt(process.versions.node) < 22)
  throw new Error(
    'SQLite needs Node 22. Run the tests with npm test or npx jest, which take the Node that npm ci installed.',
  );

const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
};

/**
 * Tests of the service run on both engines. Specs beside the sources, and unit-specs, need no database and run once.
 */
export default {
  // Tests that start processes take 30 s on a machine that does much else.
  testTimeout: 90_000,
  // The ES modules of a test file are never freed, so a process that has run many files is replaced by a new one.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
  // Only on request: npm run coverage
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts'],
  coverageReporters: ['text', 'html'],
  projects: [
    {
      ...common,
      displayName: 'unit',
      setupFiles: ['reflect-metadata'],
      testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.unit-spec.ts'],
    },
    {
      ...common,
      displayName: 'sqlite',
      setupFiles: ['reflect-metadata', './test/support/sqlite.js'],
      // Tests for a database in a file.
      testMatch: ['<rootDir>/test/**/*.spec.ts', '<rootDir>/test/**/*.sqlite-spec.ts'],
    },
    {
      ...common,
      displayName: 'postgres',
      globalSetup: '<rootDir>/test/support/global-setup.js',
      globalTeardown: '<rootDir>/test/support/global-teardown.js',
      setupFiles: ['reflect-metadata', './test/support/postgres.js'],
      // Tests for a database behind a network.
      testMatch: ['<rootDir>/test/**/*.spec.ts', '<rootDir>/test/**/*.postgres-spec.ts'],
    },
  ],
};

import config from './jest.config.js';

const [sqlite, postgres] = ['sqlite', 'postgres'].map((name) =>
  config.projects.find(({ displayName }) => displayName === name),
);

/** Tests that need more than Node: a real proxy in front of the service, or a real browser. */
export default {
  testTimeout: 120_000,
  projects: [
    { ...sqlite, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.e2e.ts'] },
    { ...postgres, displayName: 'e2e-postgres', testMatch: ['<rootDir>/test/e2e/**/*.postgres-e2e.ts'] },
  ],
};

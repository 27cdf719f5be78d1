import config from './jest.config.js';

const sqlite = config.projects.find(({ displayName }) => displayName === 'sqlite');

/** What needs more than Node: a real nginx or Caddy in front of the service, a real browser. */
export default {
  testTimeout: 60_000,
  projects: [{ ...sqlite, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.e2e.ts'] }],
};

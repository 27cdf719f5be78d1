import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

/** A setup in which nothing waits: one call at a time, with room everywhere. */
const QUIET = {
  logins: 5,
  instances: 2,
  cores: 2,
  flushMs: 2,
  seconds: 20,
  costs: { access: { instance: 300, statement: 500, call: 200 } },
};

function simulate(setup: object): Record<string, number | boolean> {
  const program = `import { simulate } from './bench/simulation.mjs'; console.log(JSON.stringify(simulate(${JSON.stringify(setup)})))`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }),
  ) as Record<string, number | boolean>;
}

describe('the simulation', () => {
  it('takes the time of each step for a call that waits for nothing', () => {
    expect(simulate(QUIET)).toMatchObject({ p50: expect.closeTo(3, 5), isSteady: true });
  });

  it('sends calls in batches when they come faster than the disk flushes', () => {
    const { callsPerCommit, p99, isSteady } = simulate({ ...QUIET, logins: 3_000, flushMs: 10, seconds: 3 });
    expect(callsPerCommit).toBeGreaterThan(5);
    expect(p99).toBeLessThan(100);
    expect(isSteady).toBe(true);
  });

  it.each([
    ['instances', { costs: { access: { instance: 1_000, statement: 100, call: 10 } } }],
    ['PostgreSQL', { costs: { access: { instance: 100, statement: 100, call: 1_000 } } }],
  ])('says that the load is never worked off if the %s have too few cores', (_, change) => {
    expect(simulate({ ...QUIET, ...change, logins: 4_000, seconds: 3 })).toMatchObject({ isSteady: false });
  });
});

describe('docs/sizing.md', () => {
  const page = readFileSync('docs/sizing.md', 'utf8');
  const examples = [...page.matchAll(/```console\n\$ npm run -s sizing -- (.*)\n([^`]*)```/g)];

  it.each(examples.map(([, options, output]) => [options!, output!]))(
    'shows what is said with %s',
    (options, output) => {
      const { stdout } = spawnSync(process.execPath, ['bench/sizing.mjs', ...options.split(' ')], { encoding: 'utf8' });
      expect(stdout).toBe(output);
    },
  );

  it('has an example', () => {
    expect(examples.length).toBeGreaterThan(1);
  });
});

it.each(['--peak 0', '--users many'])('refuses %s', (options) => {
  const { status, stderr } = spawnSync(process.execPath, ['bench/sizing.mjs', ...options.split(' ')], {
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/must be a number above 0/);
});

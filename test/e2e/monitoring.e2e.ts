import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);

describe('deploy/monitoring', () => {
  it.each([
    { what: 'configuration is one that Prometheus reads', args: ['check', 'config', 'prometheus.yml'] },
    { what: 'rules are ones that Prometheus reads', args: ['check', 'rules', 'latchkey.rules.yml'] },
    { what: 'alerts come when they should, and only then', args: ['test', 'rules', 'latchkey.rules.test.yml'] },
  ])('$what', async ({ args }) => {
    const { stdout } = await run('promtool', args, { cwd: 'deploy/monitoring' });
    expect(stdout).toContain('SUCCESS');
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { runCli } from '../support/built-cli.js';
import { actionOf, Browser, PASSWORD } from '../support/oauth.js';
import { ask, scene, setUp } from './setup.js';

/* What can be held of deploy/conformance without the suite, which needs Docker and Java. */

setUp();

interface Task {
  task: string;
  match: string;
  commands: [string, string, string, ...unknown[]][];
}

const PLAN = JSON.parse(readFileSync('deploy/conformance/plan.json', 'utf8')) as {
  server: { discoveryUrl: string };
  browser: { match: string; tasks: Task[] }[];
};

function task(name: string): Task {
  return PLAN.browser.flatMap(({ tasks }) => tasks).find((one) => one.task === name)!;
}

/** Whether a page has what a command of the plan acts on. */
function isThere(text: string, [, by, name]: Task['commands'][number]): boolean {
  const [, value] = /\[value='(\w+)'\]/.exec(name) ?? [];
  if (by === 'name') return text.includes(`name="${name}"`);
  return value ? text.includes(`value="${value}"`) : /action="[^"]+\/login"[^]*<button type="submit"/.test(text);
}

describe('the plan for the conformance suite', () => {
  it('finds the provider and its pages, and what the person does is possible there', async () => {
    const { pathname } = new URL(PLAN.server.discoveryUrl);
    expect((await scene.t.call(pathname)).body.authorization_endpoint).toMatch(/\/oauth\/authorize$/);
    const browser = new Browser(scene.t);
    const signIn = await ask(browser);
    const consent = await browser.open(actionOf(signIn), { email: scene.person.emailAddress, password: PASSWORD });
    const logout = await browser.open(`/oauth/logout?client_id=${scene.application.id}`);
    const pages = { 'Sign in': signIn, Agree: consent, 'Log out': logout };
    for (const [name, page] of Object.entries(pages)) {
      const { match, commands } = task(name);
      expect([name, actionOf(page).startsWith(match.replaceAll('*', '').replace(/\/$/, ''))]).toEqual([name, true]);
      for (const command of commands) expect([command, isThere(page.text, command)]).toEqual([command, true]);
    }
  });

  it('is prepared by commands that the command line knows', async () => {
    const readme = readFileSync('deploy/conformance/README.md', 'utf8').replaceAll('\\\n', ' ');
    const commands = [...readme.matchAll(/latchkey (organizations create|password|clients create)([^\n]*)/g)];
    expect(commands).toHaveLength(3);
    for (const [, command, rest] of commands) {
      const { stdout } = await runCli(...command!.split(' '), '--help');
      for (const [option] of rest!.matchAll(/--[a-z-]+/g))
        expect([option, stdout.includes(option)]).toEqual([option, true]);
    }
  }, 60_000);
});

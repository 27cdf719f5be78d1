import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from '../src/schema/entities/client.entity.js';
import { TestApp } from './support/app.js';
import { pipeToCli } from './support/built-cli.js';
import { runCommand } from './support/command-line.js';

/** It turns the rest of a line around, sets a terminal's title, and is invisible. Zero-width joiners belong to names. */
const NAME = 'Zoë \u202egnp.exe\u001b]0;x\u0007\u009b1m\u{e0041}\u200b می\u200cخواهم 👩\u200d👩';
const PRINTED = String.raw`Zoë \u202egnp.exe\u001b]0;x\u0007\u009b1m\udb40\udc41\u200b می‌خواهم 👩‍👩`;

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

it('control and format characters in names are escaped in lines and messages', async () => {
  const organizationId = await t.world.organization();
  const id = await t.world.client(organizationId);
  await t.world.write((db) => db.update(Client, { id }, { name: NAME }));
  const { stdout } = await runCommand(t, 'clients', 'list', '-o', organizationId);
  expect(stdout.trimEnd().split('\t')).toContain(PRINTED);
  const { stderr } = await runCommand(t, 'clients', 'delete', id);
  expect(stderr).toBe(`The client ${PRINTED} (${id}) is deleted.\n`);
});

it('JSON with escaped characters is read as the same names', async () => {
  const organizationId = await t.world.organization();
  const id = await t.world.client(organizationId);
  await t.world.write((db) => db.update(Client, { id }, { name: NAME }));
  const { stdout } = await runCommand(t, 'clients', 'list', '-o', organizationId, '--json');
  expect(stdout).toContain(PRINTED);
  expect(JSON.parse(stdout)).toMatchObject([{ id, name: NAME }]);
});

it('control and format characters of a file are escaped where its faults are reported', async () => {
  const organizationId = await t.world.organization();
  const file = Buffer.from('name,emailAddress,group\nAnna,anna@school.example,A\u202eB\n');
  const { code, stderr } = await pipeToCli(file, 'import', '-', '-o', organizationId, '--dry-run');
  expect(code).toBe(1);
  expect(stderr).toContain(String.raw`line 2: unknown_group: There is no group "A\u202eB".`);
});

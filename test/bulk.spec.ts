import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ExportService } from '../src/bulk/export.service.js';
import { ImportService } from '../src/bulk/import.service.js';
import type { ImportCounts } from '../src/bulk/import.service.js';
import { toIso } from '../src/common/clock.js';
import { Group } from '../src/schema/entities/group.entity.js';
import { Membership } from '../src/schema/entities/membership.entity.js';
import { EmailAddress } from '../src/schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../src/schema/entities/third-party-id.entity.js';
import { UserSearchTerm } from '../src/schema/entities/user-search-term.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { TestApp, testEnvironment } from './support/app.js';
import { runCli } from './support/built-cli.js';
import type { TestCaller } from './support/world.js';

const ENTITIES = [User, EmailAddress, ThirdPartyId, Group, Membership, UserSearchTerm];

let t: TestApp;
let admin: TestCaller;
let code: string;
let directory: string;

beforeAll(async () => {
  t = await TestApp.start();
  directory = mkdtempSync(join(tmpdir(), 'latchkey-bulk-'));
});
afterAll(async () => {
  await t.stop();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  admin = await t.world.caller({
    permissions: ['MANAGE_USERS', 'MANAGE_ALL_GROUPS', 'OBTAIN_ACCESS_TOKENS', 'MANAGE_STAFF'],
  });
  code = await t.world.thirdParty(admin.organizationId);
});

let files = 0;

function file(...lines: string[]): string {
  const path = join(directory, `${files++}.csv`);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

interface Options {
  organization?: string;
  createGroups?: boolean;
  dryRun?: boolean;
}

/** Numbers that are 0 are left out. */
async function importFile(path: string, options: Options = {}): Promise<Partial<ImportCounts> & { errors: string[] }> {
  const errors: string[] = [];
  const counts = await t.nest.get(ImportService).import(path, {
    organization: admin.organizationId,
    createGroups: false,
    dryRun: false,
    onFault: ({ line, error }) => errors.push(`${line} ${error.id}`),
    onProgress: () => {},
    ...options,
  });
  return { ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)), errors };
}

function everything(): Promise<unknown[]> {
  return t.world.write(async (db) => {
    const rows: unknown[] = [];
    for (const entity of ENTITIES) rows.push(await db.find(entity));
    return rows;
  });
}

async function exported(organization = admin.organizationId): Promise<string[]> {
  let text = '';
  for await (const part of t.nest.get(ExportService).export(organization, () => {})) text += part;
  return text.trim().split('\n');
}

describe('import', () => {
  it('makes users with IDs and memberships, whom the caller can let in', async () => {
    const groupId = await t.world.group(admin.organizationId, 'Class, "2B"');
    const mark = code.toLowerCase();
    const path = file(
      `name,emailAddress,thirdPartyId.${code},locale,timeZone,yearOfBirth,domicile,description,group`,
      `Zoë Straße,Zoe@${mark}.example,7,nl_nl,Europe/Amsterdam,1990,nl,"Two\nlines","Class, ""2B"""`,
      `No Mail,,a/b c,,,,,,${groupId}`,
      `No Group,nobody@${mark}.example,,,,,,,`,
    );
    expect(await importFile(path)).toEqual({ rows: 3, created: 3, joined: 2, errors: [] });
    expect((await t.as(admin)(`/user/${code}$7`)).body).toMatchObject({
      name: 'Zoë Straße',
      emailAddress: `zoe@${mark}.example`,
      locale: 'nl-NL',
      timeZone: 'Europe/Amsterdam',
      yearOfBirth: 1990,
      domicile: 'NL',
      description: 'Two\nlines',
      status: 'ACTIVE',
      organization: { id: admin.organizationId },
    });
    expect((await t.as(admin)(`/access/${code}$a%2Fb%20c`)).status).toBe(200);
    expect((await t.as(admin)('/organizations/self/accounts?query=strasse')).body.pagination.total).toBe(1);
    expect((await t.as(admin)(`/group/${groupId}`)).body.counts.members).toBe(2);
  });

  it('changes nothing when the same file is imported again, and only what is different otherwise', async () => {
    await t.world.group(admin.organizationId, 'One');
    const mark = code.toLowerCase();
    const header = `name,emailAddress,thirdPartyId.${code},locale,group`;
    const path = file(header, `Ann,ann@${mark}.example,1,en,One`, `Bob,,2,,One`);
    await importFile(path);
    const before = await everything();
    expect(await importFile(path)).toEqual({ rows: 2, unchanged: 2, errors: [] });
    expect(await everything()).toEqual(before);
    const changes = file(header, `Anne,,1,,`, `Bob,bob@${mark}.example,2,,`, `,ann@${mark}.example,,nl,`);
    expect(await importFile(changes)).toEqual({ rows: 3, changed: 3, errors: [] });
    expect((await t.as(admin)(`/user/${code}$1`)).body).toMatchObject({ name: 'Anne', locale: 'nl' });
    expect((await t.as(admin)(`/user/${code}$2`)).body).toMatchObject({ emailAddress: `bob@${mark}.example` });
  });

  it('takes several rows for one account, for its groups and IDs', async () => {
    const second = await t.world.thirdParty(admin.organizationId);
    const groups = [await t.world.group(admin.organizationId, 'A'), await t.world.group(admin.organizationId, 'B')];
    const mark = code.toLowerCase();
    const path = file(
      `name,emailAddress,thirdParty,thirdPartyId,group`,
      `Kim,kim@${mark}.example,${code},1,A`,
      `,KIM@${mark}.example,,,B`,
      `,kim@${mark}.example,${second},2,`,
    );
    expect(await importFile(path)).toEqual({ rows: 3, created: 1, changed: 1, unchanged: 1, joined: 2, errors: [] });
    const { body } = await t.as(admin)(`/user/${second}$2`);
    expect(body.thirdPartyIds).toHaveLength(2);
    for (const groupId of groups) expect((await t.as(admin)(`/group/${groupId}`)).body.counts.members).toBe(1);
  });

  it('refuses rows that say different things of one account, whether it is new or not', async () => {
    const mark = code.toLowerCase();
    await importFile(file('name,emailAddress', `Old,old@${mark}.example`));
    const path = file(
      `name,emailAddress,thirdPartyId.${code},locale`,
      `Kim,kim@${mark}.example,1,nl`,
      `Kim Bos,kim@${mark}.example,,`,
      `,kim@${mark}.example,,de`,
      `Kim,other@${mark}.example,1,`,
      `Kim,kim@${mark}.example,,nl`,
      `New,old@${mark}.example,,`,
      `Newer,old@${mark}.example,,`,
    );
    const before = await everything();
    expect((await importFile(path)).errors).toEqual([3, 4, 5, 8].map((line) => `${line} invalid_request`));
    expect(await everything()).toEqual(before);
  });

  it('names an account that many rows separate by the line that spoke of it first', async () => {
    const mark = code.toLowerCase();
    await importFile(file('name,emailAddress', `Kim,kim@${mark}.example`));
    const others = Array.from({ length: 4500 }, (_, index) => `Other,o${index}@${mark}.example`);
    const path = file('name,emailAddress', `Kim A,kim@${mark}.example`, ...others, `Kim B,kim@${mark}.example`);
    expect((await importFile(path)).errors).toEqual(['4503 invalid_request']);
  });

  it('makes members of those who were invited', async () => {
    const user = await t.world.user({ organizationId: admin.organizationId, emailAddress: 'invited@bulk.example' });
    const group = await t.world.group(admin.organizationId, 'Invited before');
    await t.world.join(user, group, 'INVITED');
    const path = file('emailAddress,group', 'invited@bulk.example,Invited before');
    expect(await importFile(path)).toEqual({ rows: 1, unchanged: 1, joined: 1, errors: [] });
    expect((await t.as(admin)(`/group/${group}/members`)).body.counts).toEqual({ members: 1, invitees: 0 });
    expect(await importFile(path)).toEqual({ rows: 1, unchanged: 1, errors: [] });
  });

  it('imports nothing of a file with wrong rows, and names each by its line', async () => {
    const other = await t.world.caller();
    const otherCode = await t.world.thirdParty(other.organizationId);
    const mark = code.toLowerCase();
    await t.world.user({ organizationId: other.organizationId, emailAddress: `taken@${mark}.example` });
    await t.world.user({ organizationId: admin.organizationId, thirdPartyId: [code, 'own'] });
    for (const name of ['Twice', 'Twice']) await t.world.group(admin.organizationId, name);
    const path = file(
      `name,emailAddress,thirdParty,thirdPartyId,locale,timeZone,yearOfBirth,domicile,status,group`,
      `Good,good@${mark}.example,,,,,,,,`,
      `Bad,not an address,,,,,,,,`,
      `,no-name@${mark}.example,,,,,,,,`,
      `No way to name it,,,,,,,,,`,
      `"Two`,
      `lines",x@${mark}.example,,,klingon-language-x,,,,,`,
      `A,a@${mark}.example,,,,Mars/Olympus,,,,`,
      `A,a@${mark}.example,,,,,1066,,,`,
      `A,a@${mark}.example,,,,,,Narnia,,`,
      `A,a@${mark}.example,,,,,,,GONE,`,
      `A,a@${mark}.example,,,,,,,,No such group`,
      `A,a@${mark}.example,,,,,,,,Twice`,
      `A,a@${mark}.example,${otherCode},1,,,,,,`,
      `A,a@${mark}.example,,1,,,,,,`,
      `A,taken@${mark}.example,,,,,,,,`,
      `A,good@${mark}.example,${code},own,,,,,,`,
      `A,a@${mark}.example`,
      `C,c@${mark}.example,${code},c1,,,,,,`,
      `C,c@${mark}.example,${code},c2,,,,,,`,
      `\u0000,n@${mark}.example,,,,,,,,`,
    );
    const before = await everything();
    const { errors, ...counts } = await importFile(path);
    expect(errors).toEqual([
      '3 email_address_invalid',
      '4 real_name_not_specified',
      '5 email_address_not_specified',
      '6 real_name_not_specified',
      '8 invalid_time_zone',
      '9 year_of_birth_invalid',
      '10 residence_country_invalid',
      '11 invalid_request',
      '12 unknown_group',
      '13 unknown_group',
      '14 invalid_third_party_id',
      '15 invalid_third_party_id',
      '16 account_exists',
      '17 third_party_id_in_use',
      '18 invalid_request',
      '20 third_party_already_assigned',
      '21 invalid_request',
    ]);
    expect(counts).toMatchObject({ rows: 19, faults: 17 });
    expect(await everything()).toEqual(before);
  });

  it('writes nothing in a dry run, and counts the same', async () => {
    const path = file(`name,thirdParty,thirdPartyId,group`, `A,${code},1,New`, `B,${code},2,New`);
    const before = await everything();
    const dry = await importFile(path, { dryRun: true, createGroups: true });
    expect(dry).toEqual({ rows: 2, created: 2, joined: 2, groups: 1, errors: [] });
    expect(await everything()).toEqual(before);
    expect(await importFile(path, { createGroups: true })).toEqual(dry);
    expect((await t.as(admin)('/groups?query=new')).body.groups).toMatchObject([
      { name: 'New', counts: { members: 2 } },
    ]);
  });

  it('ends the sessions of whom it blocks, and blocks nobody who can manage staff', async () => {
    const { id } = await t.world.userOf(admin, { name: 'Eve', thirdPartyId: [code, 'eve'] });
    const cookie = await t.signIn(admin, id);
    await t.world.write((db) => db.insert(ThirdPartyId, { thirdParty: code, externalId: 'boss', userId: admin.id }));
    expect(await importFile(file('thirdParty,thirdPartyId,status', `${code},boss,BLOCKED`))).toMatchObject({
      errors: ['2 no_access'],
    });
    expect(await importFile(file('thirdParty,thirdPartyId,status', `${code},eve,BLOCKED`))).toMatchObject({
      changed: 1,
    });
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    await importFile(file('thirdParty,thirdPartyId,status', `${code},eve,ACTIVE`));
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect((await t.as(admin)(`/access/${id}`)).status).toBe(200);
  });

  it.each([
    ['an empty file', ''],
    ['an unknown column', 'name,password\nA,b\n'],
    ['a column that is there twice', 'name,name\nA,b\n'],
    ['a quote that never ends', 'name,emailAddress\n"A,b\nc,d\n'],
  ])('refuses %s as a whole', async (_, text) => {
    const path = join(directory, `${files++}.csv`);
    writeFileSync(path, text);
    await expect(importFile(path)).rejects.toThrow(/empty|no column "password"|twice|line 2/);
  });

  it('reads what spreadsheets write: a byte order mark, CRLF', async () => {
    const path = join(directory, `${files++}.csv`);
    writeFileSync(path, `\uFEFFname,thirdParty,thirdPartyId\r\nÉmile,${code},1\r\n\r\n`);
    expect(await importFile(path)).toEqual({ rows: 1, created: 1, errors: [] });
  });

  it('takes names of groups for the same however letters are composed and words are parted', async () => {
    const groupId = await t.world.group(admin.organizationId, 'Zo\u00eb klas 2');
    const path = file(
      `name,thirdParty,thirdPartyId,group`,
      `A,${code},1,Zoe\u0308 klas 2`,
      `B,${code},2,Zo\u00eb\u00a0klas  2`,
      `C,${code},3,New  \u00eb`,
      `D,${code},4,New e\u0308`,
    );
    expect(await importFile(path, { createGroups: true })).toMatchObject({
      created: 4,
      joined: 4,
      groups: 1,
      errors: [],
    });
    expect(await t.world.write((db) => db.countBy(Membership, { groupId }))).toBe(2);
  });

  it.each([
    { of: 'ISO 8859-1', bytes: [0xc9] },
    { of: 'half of a surrogate pair', bytes: [0xed, 0xa0, 0x80] },
    { of: 'half of a letter', bytes: [0xc3] },
  ])('S38: refuses a file that is not UTF-8 as a whole, and names the line: $of', async ({ bytes }) => {
    const path = join(directory, `${files++}.csv`);
    const [good, more] = [`name,thirdParty,thirdPartyId\n\xc3\x89mile,${code},2\n`, `,${code},3\n\xc3\x89,${code},4\n`];
    writeFileSync(path, Buffer.concat([Buffer.from(good, 'latin1'), Buffer.from(bytes), Buffer.from(more, 'latin1')]));
    const before = await everything();
    await expect(importFile(path)).rejects.toThrow('line 3 is not UTF-8');
    // Also where it is the last line, and no line feed ends it.
    writeFileSync(path, Buffer.concat([Buffer.from(good, 'latin1'), Buffer.from(bytes)]));
    await expect(importFile(path)).rejects.toThrow('line 3 is not UTF-8');
    expect(await everything()).toEqual(before);
  });

  it('S38: takes a replacement character for what it is, and refuses a NUL', async () => {
    const path = file('name,thirdParty,thirdPartyId,group', `\uFFFD,${code},1,`, `A,${code},2,\0`, `\0,${code},3,`);
    expect(await importFile(path, { createGroups: true })).toMatchObject({
      faults: 2,
      errors: ['3 invalid_request', '4 invalid_request'],
    });
  });
});

/** A file with rows that begin with the user's ID and the group. */
function membershipsIn(...rows: string[]): string {
  return file(`name,thirdParty,thirdPartyId,group,validFrom,validUntil`, ...rows.map((row) => `Kim,${code},${row}`));
}

async function memberships(): Promise<object[]> {
  const rows = await t.world.write((db) =>
    db.find(Membership, {
      where: { group: { organizationId: admin.organizationId } },
      relations: { group: true },
      order: { userId: 'ASC', group: { name: 'ASC' } },
    }),
  );
  return rows.map(({ group, status, validFrom, validUntil }) => ({
    group: group.name,
    status,
    from: validFrom && toIso(validFrom),
    until: validUntil && toIso(validUntil),
  }));
}

async function events(): Promise<object[]> {
  const { body } = await t.as(admin)('/audit?resultSize=100');
  return body.events;
}

describe('the period of a membership', () => {
  const FROM = '2098-01-01T00:00:00Z';
  const UNTIL = '2099-12-31T23:00:00Z';

  beforeEach(async () => {
    await t.world.group(admin.organizationId, 'One');
    await t.world.group(admin.organizationId, 'Two');
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is imported, recorded, and exported in a form that another organization imports as it is', async () => {
    await t.world.grant(admin.id, 'VIEW_AUDIT_LOG');
    const path = membershipsIn(`1,One,${FROM},${UNTIL}`, `1,Two,,2099-12-31T23:59:59.9+01:00`, '2,One,,');
    expect(await importFile(path)).toEqual({ rows: 3, created: 2, unchanged: 1, joined: 3, errors: [] });
    const given = await memberships();
    expect(given).toHaveLength(3);
    expect(given).toEqual(
      expect.arrayContaining([
        { group: 'One', status: 'JOINED', from: FROM, until: UNTIL },
        { group: 'Two', status: 'JOINED', from: null, until: '2099-12-31T22:59:59Z' },
        { group: 'One', status: 'JOINED', from: null, until: null },
      ]),
    );
    expect(await events()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: 'MEMBER_JOINED', details: { validFrom: FROM, validUntil: UNTIL } }),
        expect.objectContaining({ event: 'MEMBER_JOINED', details: { validUntil: '2099-12-31T22:59:59Z' } }),
      ]),
    );
    const before = await everything();
    expect(await importFile(path)).toEqual({ rows: 3, unchanged: 3, errors: [] });
    expect(await everything()).toEqual(before);
    const lines = (await exported()).filter((line) => !line.startsWith('Host'));
    const other = await t.world.organization();
    const otherCode = await t.world.thirdParty(other);
    const copy = file(...lines.map((line) => line.replaceAll(code, otherCode)));
    const options = { organization: other, createGroups: true };
    expect(await importFile(copy, options)).toEqual({
      rows: 3,
      created: 2,
      unchanged: 1,
      joined: 3,
      groups: 2,
      errors: [],
    });
    const again = (await exported(other)).map((line) => line.replaceAll(otherCode, code));
    expect(again.toSorted()).toEqual(lines.toSorted());
  });

  it('is changed by a row that gives another one, and a row without one leaves it', async () => {
    await t.world.grant(admin.id, 'VIEW_AUDIT_LOG');
    await importFile(membershipsIn(`1,One,,${UNTIL}`));
    expect(await importFile(membershipsIn('1,One,,'))).toEqual({ rows: 1, unchanged: 1, errors: [] });
    const path = membershipsIn(`1,One,${FROM},`);
    const dry = await importFile(path, { dryRun: true });
    expect(dry).toEqual({ rows: 1, unchanged: 1, rescheduled: 1, errors: [] });
    expect(await memberships()).toEqual([{ group: 'One', status: 'JOINED', from: null, until: UNTIL }]);
    expect(await importFile(path)).toEqual(dry);
    expect(await memberships()).toEqual([{ group: 'One', status: 'JOINED', from: FROM, until: UNTIL }]);
    expect(await events()).toContainEqual(
      expect.objectContaining({ event: 'MEMBER_CHANGED', details: { validFrom: FROM, validUntil: UNTIL } }),
    );
  });

  it('is kept by an invitation that an import turns into a membership', async () => {
    const user = await t.world.user({ organizationId: admin.organizationId, thirdPartyId: [code, 'invited'] });
    const group = await t.world.group(admin.organizationId, 'Invited for a time');
    await t.world.join(user, group, 'INVITED');
    await t.world.write((db) =>
      db.update(Membership, { userId: user, groupId: group }, { validUntil: new Date(UNTIL) }),
    );
    const path = file('thirdParty,thirdPartyId,group', `${code},invited,Invited for a time`);
    expect(await importFile(path)).toEqual({ rows: 1, unchanged: 1, joined: 1, errors: [] });
    expect(await memberships()).toEqual([{ group: 'Invited for a time', status: 'JOINED', from: null, until: UNTIL }]);
  });

  it('is refused by line: one that ended, that ends too early, without a time zone or a group, or that contradicts', async () => {
    const before = await everything();
    const path = membershipsIn(
      '1,One,,2020-01-01T00:00:00Z',
      `2,One,${UNTIL},${FROM}`,
      '3,One,,2099-12-31',
      '4,One,2099-01-01T00:00:00,',
      `5,,,${UNTIL}`,
      `6,One,,${UNTIL}`,
      `6,One,,${FROM}`,
      '6,One,,2100-01-01T00:00:00+01:00',
      `6,Two,,${FROM}`,
    );
    expect((await importFile(path)).errors).toEqual([
      '2 invalid_period',
      '3 invalid_period',
      '4 invalid_request',
      '5 invalid_request',
      '6 invalid_request',
      '8 invalid_request',
    ]);
    expect(await everything()).toEqual(before);
  });

  it('ends sessions when it is put off, revives none, and is not exported when it has ended', async () => {
    const { id } = await t.world.userOf(admin, { name: 'Eve', thirdPartyId: [code, 'eve'] });
    const [{ groupId }] = (await t.world.write((db) => db.findBy(Membership, { userId: id }))) as [Membership];
    const isLive = async (cookie: string): Promise<boolean> =>
      (await t.call('/session', { headers: { cookie } })).status === 200;
    const cookie = await t.signIn(admin, id);
    const row = (period: string): string =>
      file('thirdParty,thirdPartyId,group,validFrom,validUntil', `${code},eve,${groupId},${period}`);
    expect(await importFile(row(`${FROM},`))).toMatchObject({ rescheduled: 1, errors: [] });
    expect(await isLive(cookie)).toBe(false);
    expect(await importFile(row('2020-01-01T00:00:00Z,'))).toMatchObject({ rescheduled: 1, errors: [] });
    expect(await isLive(cookie)).toBe(false);
    const [soon, later] = [1, 2].map((minutes) => new Date(Date.now() + minutes * 60_000));
    await importFile(row(`,${toIso(soon!)}`));
    const second = await t.signIn(admin, id);
    jest.spyOn(t.clock, 'now').mockImplementation(() => later!);
    expect((await exported()).find((line) => line.startsWith('Eve'))).toBe(`Eve,,,,,,,ACTIVE,,,,eve`);
    expect(await importFile(file('thirdParty,thirdPartyId,group', `${code},eve,${groupId}`))).toMatchObject({
      joined: 1,
      errors: [],
    });
    expect((await t.as(admin)(`/access/${id}`)).status).toBe(200);
    expect(await isLive(second)).toBe(false);
  });
});

describe('a file as spreadsheets and people write it', () => {
  it.each([
    ['semicolons', ';'],
    ['tabs', '\t'],
  ])('has %s between the cells', async (_, separator) => {
    const mark = code.toLowerCase();
    const rows = [
      ['name', 'emailAddress', `thirdPartyId.${code}`],
      ['"Bos, Kim"', `kim@${mark}.example`, '1'],
    ];
    expect(await importFile(file(...rows.map((cells) => cells.join(separator))))).toMatchObject({
      created: 1,
      errors: [],
    });
    expect((await t.as(admin)(`/user/${code}$1`)).body).toMatchObject({
      name: 'Bos, Kim',
      emailAddress: `kim@${mark}.example`,
    });
  });

  it('names columns in capitals, and has empty columns and rows at the end', async () => {
    const path = file(`Name,EMAILADDRESS,ThirdPartyId.${code},,`, `Kim,kim@${code.toLowerCase()}.example,1,,`, ',,,,');
    expect(await importFile(path)).toEqual({ rows: 1, created: 1, errors: [] });
    expect((await t.as(admin)(`/user/${code}$1`)).body.name).toBe('Kim');
    expect((await importFile(file('name,,', 'A,,b'))).errors).toEqual(['2 invalid_request']);
  });

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ])('names the right line after blank lines and quoted line breaks: %s', async (_, newline) => {
    const path = join(directory, `${files++}.csv`);
    const quoted = ['"A street', '', 'in a town",Kim,not-1'];
    const lines = [
      '',
      'description,name,emailAddress',
      '',
      '  ',
      ...quoted,
      '',
      ',,',
      ',A,not-2',
      '',
      '',
      ',"B",not-3',
    ];
    writeFileSync(path, lines.join(newline));
    expect((await importFile(path)).errors).toEqual([5, 10, 13].map((line) => `${line} email_address_invalid`));
  });
});

describe('export', () => {
  it('writes what import reads, with formulas made harmless', async () => {
    const path = file(
      `name,emailAddress,thirdPartyId.${code},locale,status,group`,
      `"=HYPERLINK(""x"")",,1,nl,BLOCKED,One`,
      `Ann,ann@${code.toLowerCase()}.example,2,,,One`,
      `Ann,ann@${code.toLowerCase()}.example,2,,,Two`,
      `Solo,,3,,,`,
    );
    await importFile(path, { createGroups: true });
    const lines = await exported();
    expect(lines[0]).toBe(
      `name,emailAddress,locale,timeZone,description,yearOfBirth,domicile,status,group,validFrom,validUntil,thirdPartyId.${code}`,
    );
    expect(lines.slice(1).toSorted()).toEqual(
      [
        `"'=HYPERLINK(""x"")",,nl,,,,,BLOCKED,One,,,1`,
        `Ann,ann@${code.toLowerCase()}.example,,,,,,ACTIVE,One,,,2`,
        `Ann,ann@${code.toLowerCase()}.example,,,,,,ACTIVE,Two,,,2`,
        'Host system,,,,,,,ACTIVE,,,,',
        'Solo,,,,,,,ACTIVE,,,,3',
      ].toSorted(),
    );
    const rest = lines.filter((line) => !line.startsWith('Host'));
    expect(await importFile(file(...rest))).toEqual({ rows: 4, unchanged: 4, errors: [] });
  });
});

describe('the command line', () => {
  it('imports and exports, says what it did, and fails with the lines that are wrong', async () => {
    const cli = runCli;
    const bad = file('name,emailAddress', 'A,a', `B,b@${code.toLowerCase()}.example`);
    const refused = await cli('import', bad, '--organization', admin.organizationId);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('line 2: email_address_invalid:');
    expect(refused.stderr).toContain('latchkey: 1 of 2 rows are wrong. Nothing was imported.\n');
    expect((await cli('import', 'nowhere.csv', '-o', admin.organizationId)).stderr).toContain(
      'latchkey: There is no nowhere.csv.\n',
    );
    expect((await cli('import', directory, '-o', admin.organizationId)).stderr).toContain(
      `latchkey: ${directory} is a directory.\n`,
    );
    const good = file('name,emailAddress', `B,b@${code.toLowerCase()}.example`);
    const dry = await cli('import', good, '-n', '-o', admin.organizationId);
    expect(dry.stdout).toMatch(/^1 row: 1 new user,.* \(dry run, nothing was written\)\n$/);
    const imported = await cli('import', good, '-o', admin.organizationId);
    expect(imported).toMatchObject({ code: 0, stderr: expect.not.stringContaining('latchkey:') });
    expect(imported.stdout).toMatch(
      /^1 row: 1 new user, 0 changed, 0 unchanged; 0 new memberships, 0 with another period; 0 new groups\n$/,
    );
    const path = join(directory, 'export.csv');
    expect(await cli('export', path, '-o', admin.organizationId)).toMatchObject({ code: 0 });
    expect(readFileSync(path, 'utf8')).toContain(`B,b@${code.toLowerCase()}.example`);
    expect((await cli('export', '-o', admin.organizationId)).stdout).toBe(readFileSync(path, 'utf8'));
    expect(await cli('export', '-o', 'No such')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^latchkey: There is no organization "No such"\.\n$/m),
    });
    expect((await cli('import', 'no-such-file.csv', '-o', admin.organizationId)).code).toBe(1);
  }, 120_000);

  it('reads a pipe by each of its names once, and says nothing when its own reader has gone', async () => {
    const csv = file('name,emailAddress', `P,p@${code.toLowerCase()}.example`);
    const rows = file(
      'name,emailAddress',
      ...Array.from({ length: 5000 }, (_, i) => `N,n${i}@${code.toLowerCase()}.example`),
    );
    await importFile(rows);
    const latchkey = `"${process.execPath}" dist/cli.cjs`;
    const shell = (command: string): string =>
      execFileSync('bash', ['-c', `set -o pipefail; ${command}`], {
        env: { PATH: process.env.PATH, TMPDIR: directory, ...testEnvironment() },
        encoding: 'utf8',
      });
    const into = `-o ${admin.organizationId}`;
    expect(shell(`cat ${csv} | ${latchkey} import - ${into}`)).toMatch(/^1 row: 1 new user/);
    expect(shell(`cat ${csv} | ${latchkey} import /dev/stdin ${into}`)).toMatch(
      /^1 row: 0 new users, 0 changed, 1 unch/,
    );
    expect(shell(`${latchkey} import <(cat ${csv}; echo Q,q@${code.toLowerCase()}.example) ${into}`)).toMatch(
      /^2 rows: 1 new user/,
    );
    const fifo = join(directory, 'fifo');
    expect(shell(`mkfifo ${fifo}; cat ${csv} > ${fifo} & ${latchkey} import ${fifo} ${into}`)).toMatch(
      /^1 row: 0 new users, 0 changed, 1 unch/,
    );
    const heard = shell(`(${latchkey} export ${into}; echo "ended $?" >&2) 2>&1 >/dev/full | cat`);
    expect(heard).toMatch(/latchkey: .*\nended 1\n$/);
    const closed = shell(`({ ${latchkey} export - ${into}; echo "ended $?" >&2; } | head -1 > /dev/null) 2>&1`);
    expect(closed.split('\n').at(-2)).toBe('ended 141');
    expect(readdirSync(directory).filter((name) => name.startsWith('latchkey-'))).toEqual([]);
  }, 180_000);
});

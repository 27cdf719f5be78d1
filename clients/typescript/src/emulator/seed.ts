import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { EmulatorError, requireObject } from './refusal.js';

/** A user of the organization. */
export interface SeedUser {
  /** Made up, unless it is given. */
  id?: string;
  name: string;
  emailAddress?: string;
  locale?: string;
  /** The host's own IDs by the code of the third party: `{ "LMS": "4711" }`. */
  thirdPartyIds?: Record<string, string>;
  status?: 'ACTIVE' | 'BLOCKED';
  /** The names of groups that the user has joined. */
  groups?: string[];
  /** The names of groups that the user is invited to and has not joined. */
  invitedTo?: string[];
  /** Permissions such as `OBTAIN_ACCESS_TOKENS`. */
  permissions?: string[];
}

/** Whoever may let users in. */
interface SeedCaller {
  /** The names of groups that the caller manages; all of them unless they are given. */
  manages?: string[];
  /** The name of the client that it calls through; the first one unless it is given. */
  client?: string;
}

/** A person on the staff. */
export interface SeedStaff extends SeedUser, SeedCaller {
  /** The access token that calls the API for this person. Made up, unless it is given. */
  token?: string;
}

export interface SeedServiceAccount extends SeedCaller {
  id?: string;
  name: string;
  /** `OBTAIN_ACCESS_TOKENS`, unless they are given. */
  permissions?: string[];
  keyId?: string;
  /** PEM (SPKI). Without it the emulator makes a pair and shows the private key. */
  publicKey?: string;
}

export interface SeedClient {
  id?: string;
  name: string;
  /** Where logins may lead, beside the paths of the public URL: `https://learn.example.com`. */
  origins?: string[];
  /** What hosts that were written for Drillster may do (docs/api.md, section 12.5). */
  compatibility?: 'drillster';
}

/** What an emulator holds when it starts. Whatever is left out is that of the demo organization. */
export interface Seed {
  organization?: { id?: string; name: string };
  groups?: { id?: string; name: string }[];
  clients?: SeedClient[];
  users?: SeedUser[];
  staff?: SeedStaff[];
  serviceAccounts?: SeedServiceAccount[];
}

/** Some of the demo organization of the service, with users that may and may not be let in. */
export const DEMO: Required<Seed> = {
  organization: { id: 'kWlTj0xqQ1m7Yc5fGZ0s2A', name: 'Demo Academy' },
  groups: [{ id: 'b4nWmQ2hR8q0k5m1tYx7Jw', name: 'Course: First aid' }],
  clients: [{ name: 'Demo host system', origins: ['http://localhost:4000'] }],
  users: [
    {
      id: 'Zk1cVq0rTtWm8sQXq3bVxg',
      name: 'Anna Jansen',
      emailAddress: 'anna@demo.example',
      thirdPartyIds: { LMS: '4711' },
      groups: ['Course: First aid'],
    },
    { name: 'Chloé Dubois', emailAddress: 'chloe@demo.example' },
    { name: 'Emil Falk', emailAddress: 'emil@demo.example', status: 'BLOCKED', groups: ['Course: First aid'] },
  ],
  staff: [
    {
      name: 'Demo Administrator',
      emailAddress: 'admin@demo.example',
      permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'],
    },
  ],
  serviceAccounts: [{ name: 'Host portal' }],
};

/** A seed with all IDs and secrets, so that what is made from it again is the same. */
export interface CompleteSeed extends Required<Seed> {
  organization: { id: string; name: string };
  groups: { id: string; name: string }[];
  /** The access token of the first person on the staff. */
  token?: string;
  /** The first service account whose key is made here. */
  serviceAccount?: { id: string; keyId: string; privateKey: string };
}

export function completed(given: Seed): CompleteSeed {
  // The people of the demo are in its own groups.
  const seed = { ...DEMO, ...(given.groups ? { users: [] } : {}), ...given };
  const staff = seed.staff.map((one) =>
    Object.assign({ id: newId(), token: randomBytes(32).toString('base64url') }, one),
  );
  const made = seed.serviceAccounts.map((one) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const account = { id: newId(), keyId: newId(), publicKey: pem, ...one };
    return { account, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  });
  const own = made.find((_, index) => seed.serviceAccounts[index]!.publicKey === undefined);
  return {
    organization: { id: newId(), ...seed.organization },
    groups: seed.groups.map((group) => Object.assign({ id: newId() }, group)),
    clients: seed.clients.map((client) => Object.assign({ id: randomBytes(16).toString('hex') }, client)),
    users: seed.users.map((user) => Object.assign({ id: newId() }, user)),
    staff,
    serviceAccounts: made.map(({ account }) => account),
    token: staff[0]?.token,
    serviceAccount: own && { id: own.account.id, keyId: own.account.keyId, privateKey: own.privateKey },
  };
}

export function newId(): string {
  return randomBytes(16).toString('base64url');
}

const USER = ['id', 'name', 'emailAddress', 'locale', 'thirdPartyIds', 'status', 'groups', 'invitedTo', 'permissions'];
const LISTS: Record<string, string[]> = {
  groups: ['id', 'name'],
  clients: ['id', 'name', 'origins', 'compatibility'],
  users: USER,
  staff: [...USER, 'manages', 'client', 'token'],
  serviceAccounts: ['id', 'name', 'permissions', 'keyId', 'publicKey', 'manages', 'client'],
};

/** A seed from outside, such as a file. @throws EmulatorError with the first fault */
export function readSeed(given: unknown): Seed {
  const seed = requireObject(given, 'The seed', ['organization', ...Object.keys(LISTS)]);
  if (seed.organization !== undefined) requireNamed(seed.organization, 'organization', ['id', 'name']);
  for (const [list, members] of Object.entries(LISTS)) {
    const entries = seed[list] ?? [];
    if (!Array.isArray(entries)) throw new EmulatorError(`${list} of the seed must be a list.`);
    entries.forEach((entry, index) => requireNamed(entry, `${list}[${index}]`, members));
  }
  return seed as Seed;
}

/** @throws EmulatorError */
export function readUser(given: unknown): SeedUser {
  requireNamed(given, 'The user', USER);
  return given as SeedUser;
}

function requireNamed(given: unknown, what: string, members: string[]): void {
  const { name } = requireObject(given, what, members);
  if (typeof name !== 'string' || name === '') throw new EmulatorError(`${what} needs a name.`);
}

import { createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { EmulatorError } from './refusal.js';
import { newId } from './seed.js';
import type { CompleteSeed, SeedClient, SeedServiceAccount, SeedStaff, SeedUser } from './seed.js';

export interface Account {
  id: string;
  type: 'USER' | 'SERVICE_ACCOUNT';
  name: string;
  emailAddress?: string;
  locale?: string;
  status: 'ACTIVE' | 'BLOCKED';
  isStaff: boolean;
  permissions: Set<string>;
  thirdPartyIds: { thirdParty: string; id: string }[];
  created: Date;
  lastLogin?: Date;
}

export interface Group {
  id: string;
  name: string;
  members: Map<string, { status: 'JOINED' | 'INVITED'; since: Date }>;
  managers: Set<string>;
}

export interface Client {
  id: string;
  name: string;
  origins: string[];
  isCompatible: boolean;
}

/** Who calls, and through which client. */
export interface Caller {
  account: Account;
  client: Client;
}

export interface ServiceKey {
  kid: string;
  caller: Caller;
  publicKey: KeyObject;
}

/** A login token by its text, and the session that it has started. */
export interface Login {
  id: string;
  userId: string;
  caller: Caller;
  issuedAt: Date;
  expiresAt: Date;
  returnTo: string | null;
  delivery: string;
  existingSession: string;
  secure: boolean;
  session?: { secret: string; startedAt: Date; usedAt: Date; hasEnded: boolean };
}

/** The number of the rule that refuses (docs/api.md, section 4.2). */
export type Rule = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** How the next requests fail. */
export interface Failure {
  /** The status of the answers; without it the connection is lost. */
  status?: 429 | 500 | 503;
  retryAfter?: number;
  times: number;
  path: string;
}

export const LOGIN_TOKEN_SECONDS = 120;
export const ACCESS_TOKEN_SECONDS = 3600;
const IDLE_MS = 30 * 60_000;
const LIFETIME_MS = 12 * 3600_000;

/** All that an emulator holds, in memory. */
export class World {
  readonly organization: { id: string; name: string };
  readonly accounts = new Map<string, Account>();
  readonly groups = new Map<string, Group>();
  readonly clients: Client[] = [];
  readonly keys = new Map<string, ServiceKey>();
  readonly accessTokens = new Map<string, { caller: Caller; expiresAt: Date }>();
  readonly logins = new Map<string, Login>();
  readonly usedAssertions = new Set<string>();
  readonly refused = new Map<string, Rule>();
  readonly failures: Failure[] = [];
  slowMs = 0;
  private offsetMs = 0;

  /** @throws EmulatorError if the seed contradicts itself */
  constructor(private readonly seed: CompleteSeed) {
    const { id, name } = seed.organization;
    this.organization = { id, name };
    for (const { id, name } of seed.groups) this.groups.set(id, { id, name, members: new Map(), managers: new Set() });
    for (const client of seed.clients) this.addClient(client);
    for (const user of seed.users) this.addUser(user);
    for (const staff of seed.staff) this.addStaff(staff);
    for (const account of seed.serviceAccounts) this.addServiceAccount(account);
  }

  now(): Date {
    return new Date(Date.now() + this.offsetMs);
  }

  advance(ms: number): void {
    this.offsetMs += ms;
  }

  /** The account that is named by an ID, an e-mail address or a third-party ID. */
  find(by: { id?: string; emailAddress?: string; thirdParty?: string }): Account | undefined {
    const { id, emailAddress, thirdParty } = by;
    for (const account of this.accounts.values()) {
      if (thirdParty !== undefined) {
        if (account.thirdPartyIds.some((known) => known.thirdParty === thirdParty && known.id === id)) return account;
      } else if (emailAddress === undefined ? account.id === id : sameAddress(account.emailAddress, emailAddress))
        return account;
    }
    return undefined;
  }

  /** @throws EmulatorError if somebody has the e-mail address or the ID already, or there is no such group */
  addUser(seed: SeedUser, isStaff = false): Account {
    const { id = newId(), name, emailAddress, locale, status = 'ACTIVE', permissions = [] } = seed;
    const thirdPartyIds = Object.entries(seed.thirdPartyIds ?? {}).map(([thirdParty, id]) => ({ thirdParty, id }));
    const taken = this.accounts.has(id) || (emailAddress !== undefined && this.find({ emailAddress }));
    if (taken || thirdPartyIds.some((known) => this.find(known)))
      throw new EmulatorError(`Another account has the ID, e-mail address or third-party ID of ${name}.`);
    const [joined, invited] = [seed.groups ?? [], seed.invitedTo ?? []].map((names) =>
      names.map((one) => this.group(one)),
    );
    const account: Account = {
      id,
      type: 'USER',
      name,
      emailAddress,
      locale,
      status,
      isStaff,
      thirdPartyIds,
      permissions: new Set(permissions),
      created: this.now(),
    };
    this.accounts.set(id, account);
    for (const { members } of invited!) members.set(id, { status: 'INVITED', since: this.now() });
    for (const { members } of joined!) members.set(id, { status: 'JOINED', since: this.now() });
    return account;
  }

  remove(id: string): void {
    this.accounts.delete(id);
    for (const { members, managers } of this.groups.values()) {
      members.delete(id);
      managers.delete(id);
    }
  }

  newAccessToken(caller: Caller, token: string = randomBytes(32).toString('base64url')): string {
    const expiresAt = new Date(this.now().getTime() + ACCESS_TOKEN_SECONDS * 1000);
    this.accessTokens.set(token, { caller, expiresAt });
    return token;
  }

  /** The login whose session a browser's cookie names, while the session is live. Reading it is a use. */
  useSession(secrets: string[]): Login | undefined {
    const now = this.now().getTime();
    for (const login of this.logins.values()) {
      const { session } = login;
      if (!session || session.hasEnded || !secrets.includes(session.secret)) continue;
      if (endOf(session) <= now || !this.mayLetIn(login.caller, login.userId)) continue;
      session.usedAt = this.now();
      return login;
    }
    return undefined;
  }

  /** Rules 4 to 7, which hold until the session ends. */
  mayLetIn(caller: Caller, userId: string): boolean {
    return this.ruleAgainst(caller, this.accounts.get(userId)) === null;
  }

  /** The first of the rules 4 to 7 that is broken. */
  ruleAgainst({ account }: Caller, user: Account | undefined): Rule | null {
    const isStaff = account.isStaff && account.status === 'ACTIVE' && this.accounts.has(account.id);
    if (!isStaff || !account.permissions.has('OBTAIN_ACCESS_TOKENS')) return 4;
    if (user?.status !== 'ACTIVE') return 5;
    if (!this.managesGroupOf(account, user.id)) return 6;
    const isAbove =
      account.permissions.has('MANAGE_STAFF') || [...user.permissions].every((one) => account.permissions.has(one));
    return isAbove ? null : 7;
  }

  managesGroupOf(account: Account, userId: string): boolean {
    return [...this.groups.values()].some(
      (group) => group.members.get(userId)?.status === 'JOINED' && manages(account, group),
    );
  }

  /** All of it, for a person or a test that looks. */
  describe(): object {
    const nameOf = (id: string): string => this.accounts.get(id)?.name ?? id;
    return {
      now: this.now().toISOString(),
      organization: this.organization,
      token: this.seed.token,
      serviceAccount: this.seed.serviceAccount,
      accounts: [...this.accounts.values()].map((account) =>
        Object.assign({}, account, { permissions: [...account.permissions] }),
      ),
      groups: [...this.groups.values()].map(({ id, name, members, managers }) => ({
        id,
        name,
        members: [...members].map(([member, { status }]) => ({ name: nameOf(member), status })),
        managers: [...managers].map(nameOf),
      })),
      clients: this.clients,
      logins: [...this.logins.values()].map(({ id, userId, caller, issuedAt, expiresAt, returnTo, session }) => ({
        id,
        userId,
        user: nameOf(userId),
        caller: caller.account.name,
        issuedAt,
        expiresAt,
        returnTo,
        isUsed: session !== undefined,
        hasSession: session !== undefined && !session.hasEnded && endOf(session) > this.now().getTime(),
      })),
      refused: Object.fromEntries(this.refused),
      failures: this.failures,
      slowMs: this.slowMs,
    };
  }

  private addClient({ id = '', name, origins = [], compatibility }: SeedClient): void {
    this.clients.push({ id, name, origins, isCompatible: compatibility === 'drillster' });
  }

  private addStaff({ manages, client, token, ...user }: SeedStaff): void {
    const account = this.addUser(user, true);
    this.letManage(account, manages);
    this.newAccessToken({ account, client: this.client(client) }, token);
  }

  private addServiceAccount(seed: SeedServiceAccount): void {
    const { permissions = ['OBTAIN_ACCESS_TOKENS'], manages, client, keyId, publicKey, ...named } = seed;
    const account = this.addUser({ ...named, permissions }, true);
    account.type = 'SERVICE_ACCOUNT';
    this.letManage(account, manages);
    const key = readKey(publicKey!, account.name);
    this.keys.set(keyId!, { kid: keyId!, caller: { account, client: this.client(client) }, publicKey: key });
  }

  private letManage({ id }: Account, names: string[] | undefined): void {
    const managed = names ? names.map((name) => this.group(name)) : this.groups.values();
    for (const { managers } of managed) managers.add(id);
  }

  private group(name: string): Group {
    const found = [...this.groups.values()].find((group) => group.name === name);
    if (!found) throw new EmulatorError(`There is no group ${JSON.stringify(name)}. Add it to groups.`);
    return found;
  }

  private client(name: string | undefined): Client {
    const found = name === undefined ? this.clients[0] : this.clients.find((client) => client.name === name);
    if (!found) throw new EmulatorError(`There is no client ${JSON.stringify(name ?? '')}. Add it to clients.`);
    return found;
  }
}

export function manages(account: Account, group: Group): boolean {
  return account.isStaff && (group.managers.has(account.id) || account.permissions.has('MANAGE_ALL_GROUPS'));
}

/** When a session ends if it is not used before, in milliseconds. */
export function endOf({ startedAt, usedAt }: NonNullable<Login['session']>): number {
  return Math.min(usedAt.getTime() + IDLE_MS, startedAt.getTime() + LIFETIME_MS);
}

/** ISO 8601 in UTC, to the second. */
export function toIso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

export function newLoginId(): string {
  return randomUUID();
}

function sameAddress(one: string | undefined, other: string): boolean {
  return one?.trim().normalize().toLowerCase() === other.trim().normalize().toLowerCase();
}

function readKey(pem: string, name: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new EmulatorError(`The publicKey of ${name} is not a public key as PEM.`);
  }
}

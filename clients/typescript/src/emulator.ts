import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { addUser, advance, failNext, refuse, removeUser, slow } from './emulator/control.js';
import type { NextFailure, Span } from './emulator/control.js';
import { EmulatorError } from './emulator/refusal.js';
import { completed, readSeed } from './emulator/seed.js';
import type { Seed, SeedUser } from './emulator/seed.js';
import { serve } from './emulator/server.js';
import type { Holder } from './emulator/server.js';
import { World } from './emulator/world.js';
import type { Rule } from './emulator/world.js';

export { EmulatorError };
export type { NextFailure, Span } from './emulator/control.js';
export type { Seed, SeedClient, SeedServiceAccount, SeedStaff, SeedUser } from './emulator/seed.js';
export type { Rule } from './emulator/world.js';

export interface EmulatorOptions {
  /** A free one unless it is given. */
  port?: number;
  /** What it holds at the start; what is left out is that of the demo organization. */
  seed?: Seed;
}

/** A Latchkey in memory, for the tests of a host. It listens on this machine only. */
export interface Emulator {
  readonly url: string;
  /** A service account that the seed gives no key, as `createLatchkey` takes it. */
  readonly serviceAccount: { id: string; keyId: string; privateKey: string };
  /** The access token of the first person on the staff. */
  readonly token: string;
  /** What time the emulator has. */
  now: () => Date;
  /** Moves the clock forward. */
  advance: (span: Span) => void;
  /** Makes the next requests fail. */
  failNext: (failure: NextFailure) => void;
  /** Refuses to let a user in, by a rule of docs/api.md, section 4.2; with `null` no longer. */
  refuse: (user: string, rule: Rule | null) => void;
  /** Answers so many milliseconds later. */
  slow: (ms: number) => void;
  readonly users: {
    add: (user: SeedUser) => { id: string };
    remove: (user: string) => void;
  };
  /** All that it holds, as `GET /emulator` shows it. */
  state: () => object;
  /** Makes everything as it was at the start, also the clock. IDs, tokens and keys stay the same. */
  reset: () => void;
  close: () => Promise<void>;
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** @throws EmulatorError if the seed is wrong; the error of the system if the port is in use */
export async function createEmulator({ port = 0, seed = {} }: EmulatorOptions = {}): Promise<Emulator> {
  const complete = completed(readSeed(seed));
  const holder: Holder = {
    world: new World(complete),
    url: '',
    reset: () => {
      holder.world = new World(complete);
    },
  };
  const server = serve(holder).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  holder.url = `http://127.0.0.1:${bound}`;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return {
    url: holder.url,
    get serviceAccount() {
      return requireSeeded(complete.serviceAccount, 'The seed gives each service account a key of its own.');
    },
    get token() {
      return requireSeeded(complete.token, 'The seed has nobody on the staff.');
    },
    now: () => holder.world.now(),
    advance: (span) => advance(holder.world, span),
    failNext: (failure) => failNext(holder.world, failure),
    refuse: (user, rule) => refuse(holder.world, user, rule),
    slow: (ms) => slow(holder.world, ms),
    users: { add: (user) => addUser(holder.world, user), remove: (user) => removeUser(holder.world, user) },
    state: () => holder.world.describe(),
    reset: () => holder.reset(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function requireSeeded<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new EmulatorError(otherwise);
  return value;
}

import { Option } from 'commander';
import type { Command } from 'commander';
import { toIso } from '../common/clock.js';
import type { SigningKey } from '../schema/entities/signing-key.entity.js';
import { KEY_PURPOSES, PUBLISHED_AHEAD, SigningKeysService } from '../tokens/signing-keys.service.js';
import { findSigning, isLive } from '../tokens/signing-order.js';
import { Output, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

/** The commands for signing keys. Output for programs goes to the standard output. */
export function addKeyCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('keys')
    .description(
      'The keys that sign login tokens, access tokens and ID tokens. They are also rotated every KEY_ROTATION_DAYS.',
    );
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);
  addRotate(group);
  addRevoke(group);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints the keys: kid, purpose, algorithm, state, start of signing, end of verification.')
    .action(() =>
      withApplication(async (app) => {
        const keys = await app.get(SigningKeysService).list();
        output.list(describeKeys(keys, new Date()), Object.values);
      }),
    );
}

function addRotate({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('rotate')
    .description(
      `Creates new keys, and prints their kids. They start to sign in ${PUBLISHED_AHEAD / 60} minutes, after everybody has fetched the key set. The current keys verify until their last token has expired.`,
    )
    .addOption(
      new Option('-p, --purpose <purpose>', 'only the keys for one kind of token').choices(
        KEY_PURPOSES.map((purpose) => purpose.toLowerCase()),
      ),
    )
    .option('--now', 'if keys leaked: the new keys sign at once, and all tokens of the current keys are refused')
    .action(({ purpose, now }: { purpose?: string; now?: true }) =>
      withApplication(async (app) => {
        const service = app.get(SigningKeysService);
        const kids: string[] = [];
        for (const each of KEY_PURPOSES.filter((one) => (purpose ?? one.toLowerCase()) === one.toLowerCase())) {
          kids.push(now ? await service.replace(each) : await service.rotate(each));
        }
        output.list(kids, (kid) => [kid]);
      }),
    );
}

function addRevoke({ commands, withApplication }: CommandGroup): void {
  commands
    .command('revoke')
    .description('Revokes a key. Every instance refuses what it has signed within two seconds.')
    .argument('<kid>', 'of the key')
    .action((kid: string) =>
      withApplication(async (app) => {
        await app.get(SigningKeysService).revoke(kid);
        printMessage(`The key ${kid} is revoked.`);
      }),
    );
}

/** A row, in the order of the columns. */
interface KeyRow {
  kid: string;
  purpose: string;
  algorithm: string;
  state: string;
  signsFrom: string;
  /** `-` if the key is not retired. */
  retiredAt: string;
}

function describeKeys(keys: SigningKey[], now: Date): KeyRow[] {
  const signing = new Set(
    KEY_PURPOSES.map((purpose) =>
      findSigning(
        keys.filter((key) => key.purpose === purpose),
        now,
      ),
    ),
  );
  return keys.map((key) => {
    const { kid, purpose, algorithm, signsFrom, retiredAt } = key;
    const state = signing.has(key) ? 'signs' : !isLive(key, now) ? 'retired' : signsFrom <= now ? 'verifies' : 'waits';
    return {
      kid,
      purpose: purpose.toLowerCase(),
      algorithm,
      state,
      signsFrom: toIso(signsFrom),
      retiredAt: retiredAt ? toIso(retiredAt) : '-',
    };
  });
}

import type { Command } from 'commander';
import { GeneralRevocationService } from '../general-revocation/general-revocation.service.js';
import { printMessage } from './operator.js';
import type { WithApplication } from './operator.js';

const HELP = `
Run it when the database may have forgotten what was used or revoked last: after it was
restored from a dump on the same server or from a snapshot of its disk. The service notices
failovers of PostgreSQL and restores to a point in time by itself. Run it too when sessions, tokens or the database may be in
somebody else's hands. It is one transaction, and every instance obeys within two seconds.

What ends: all sessions, also those of the console, and all sign-ins; all login tokens,
access tokens, refresh tokens and codes; links for passwords and e-mail addresses; the
recovery codes of passkeys; all signing keys, which are replaced.

What it costs: everybody signs in again. Hosts with a token of the command line need
another one, and applications the consent of their users. Assertions that were signed
before are refused, for a minute also new ones, and for an hour those without iat.
Users with passkeys make new recovery codes.

What stays: passwords, passkeys, the secrets and keys of clients and service accounts,
rights, and the tokens of other issuers (OAUTH_ISSUERS).`;

/** The command that revokes everything that lets somebody in. */
export function addRevokeAllCommand(program: Command, withApplication: WithApplication): void {
  program
    .command('revoke-all')
    .description('Ends all sessions and sign-ins, revokes all tokens and links, and replaces the signing keys.')
    .addHelpText('after', HELP)
    .requiredOption('--yes', 'confirms that everybody has to sign in again')
    .action(() =>
      withApplication(async (app) => {
        const { sessions, tokens } = await app.get(GeneralRevocationService).revoke('OPERATOR');
        printMessage(`Everything is revoked. Ended: ${sessions} open sessions, ${tokens} unused login tokens.`);
      }),
    );
}

import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors } from 'oidc-provider';
import type { Interaction, InteractionResults } from 'oidc-provider';
import { addSeconds, Clock } from '../../common/clock.js';
import { PageError } from '../../common/errors/page-error.js';
import { hashSecret } from '../../common/id.js';
import { Database, toInstant } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { recordIdOf } from '../../sign-ins/record-id.js';
import { CONSOLE_CLIENT, CONSOLE_NAME } from '../../clients/console-client.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { AuthorizationServer } from '../engine/authorization-server.js';
import { PATHS } from '../protocol/paths.js';
import { signInEnded } from '../protocol/sign-in-ended.js';
import { challengeOf } from './passkey-forms.js';
import { StartAgain } from './start-again.filter.js';
import { seeOther } from '../../http/see-other.js';

/** Seconds for which a repeated form is answered like the first, after a double click or a lost answer. */
const REPEATABLE_SECONDS = 30;

const FIND_CLIENT: Statement = {
  name: 'find_client_of_interaction',
  sql: `SELECT c."name", c."host_uri" AS "hostUri", o."name" AS "organization" FROM "clients" c
        JOIN "organizations" o ON o."id" = c."organization_id" WHERE c."id" = $1`,
};

/** What a person is told about the application that they sign in for. */
export interface NamedClient {
  name: string;
  /** `null` for the console, which belongs to the service. */
  organization: string | null;
  /** Where people without a password start. */
  hostUri: string | null;
}

const FIND: Statement = {
  name: 'find_interaction',
  sql: `SELECT r."payload", r."consumed_at" AS "consumedAt" FROM "oauth_records" r WHERE r."id" = $1 AND r."expires_at" > $2`,
};

interface Row {
  payload: string;
  consumedAt: Date | string | null;
}

type Payload = Pick<Interaction, 'params' | 'prompt' | 'session' | 'result'>;

/**
 * Sign-ins under way. Each continues only in the browser that began it: its record holds the hash of that browser's
 * secret. Its identifier is in the path, so that one browser can have several.
 */
@Injectable()
export class InteractionsService {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly cookies: SignInCookies,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * The application that asks for the sign-in, and its organization. Anybody can choose an application's name, but not
   * its organization's name.
   */
  async clientOf({ params }: Pick<Interaction, 'params'>): Promise<NamedClient> {
    if (params.client_id === CONSOLE_CLIENT) return { name: CONSOLE_NAME, organization: null, hostUri: null };
    const [client] = await this.database.read<NamedClient>(FIND_CLIENT, [String(params.client_id)]);
    return client ?? { name: '', organization: '', hostUri: null };
  }

  /**
   * The interaction in the path, if it waits for one of `prompts`, or was answered a moment ago if `isAnswer`.
   *
   * @throws DomainError `invalid_request` if another browser began it
   * @throws StartAgain if it is over
   */
  async require(
    request: FastifyRequest,
    reply: FastifyReply,
    { prompts, isAnswer }: { prompts?: string[]; isAnswer: boolean },
  ): Promise<Interaction> {
    const { uid } = request.params as { uid: string };
    const { payload, consumedAt } = await this.requireOfBrowser(request, uid);
    if (prompts && !prompts.includes(payload.prompt.name)) throw startAgain(payload);
    if (consumedAt && !(isAnswer && this.isRepeatable(consumedAt))) throw startAgain(payload);
    try {
      return await this.server.provider.interactionDetails(this.toEngineRequest(request, uid), reply.raw);
    } catch (error) {
      // The sign-in session in which it began has ended.
      throw error instanceof errors.SessionNotFound ? startAgain(payload) : error;
    }
  }

  /** Checks the interaction to which the browser returns from the pages. @throws as `require` does */
  async requireResumable(request: FastifyRequest, uid: string): Promise<Payload> {
    const { payload, consumedAt } = await this.requireOfBrowser(request, uid);
    if (consumedAt && !this.isRepeatable(consumedAt)) throw startAgain(payload);
    return payload;
  }

  /** Stores the result and redirects to where the sign-in continues. */
  async finish(
    request: FastifyRequest,
    reply: FastifyReply,
    { uid }: Interaction,
    result: InteractionResults,
  ): Promise<void> {
    const target = await this.server.provider.interactionResult(this.toEngineRequest(request, uid), reply.raw, result);
    seeOther(reply, target);
  }

  /** The challenge that a passkey signs in this interaction. Its browser alone can know it. */
  challengeOf({ headers }: FastifyRequest, { uid }: Pick<Interaction, 'uid'>): string {
    return challengeOf('use', uid, this.cookies.read(headers).browser ?? '');
  }

  private toEngineRequest(
    { raw, url, headers }: FastifyRequest,
    uid: string,
  ): ReturnType<AuthorizationServer['toEngineRequest']> {
    return this.server.toEngineRequest(raw, url, { shown: this.cookies.read(headers), uid });
  }

  private async requireOfBrowser(
    { headers }: FastifyRequest,
    uid: string,
  ): Promise<{ payload: Payload; consumedAt: Date | null }> {
    const { browser } = this.cookies.read(headers);
    if (!browser)
      throw new PageError(
        'invalid_request',
        'Your browser blocks cookies',
        'Your browser did not send back the cookie that this page has set. Allow cookies for this site, then go back to where you came from and start again.',
      );
    const [row] = await this.database.read<Row>(FIND, [recordIdOf('Interaction', uid), this.clock.now()]);
    const payload = row && (JSON.parse(row.payload) as Payload);
    if (!payload || !isBoundTo(browser, payload)) throw signInEnded();
    return { payload, consumedAt: row.consumedAt === null ? null : toInstant(row.consumedAt) };
  }

  private isRepeatable(consumedAt: Date): boolean {
    return this.clock.now() < addSeconds(consumedAt, REPEATABLE_SECONDS);
  }
}

function isBoundTo(browser: string, { prompt }: Payload): boolean {
  const given = Buffer.from(hashSecret(browser));
  const kept = Buffer.from(String(prompt.details.browser));
  return given.length === kept.length && timingSafeEqual(given, kept);
}

/** Starts the same authorization request again, without the prompts that have been answered. */
export function startAgain({ params }: Pick<Interaction, 'params'>): StartAgain {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params))
    for (const one of [value].flat()) if (one !== undefined && one !== null) query.append(name, String(one));
  return new StartAgain(`${PATHS.authorization}?${query}`);
}

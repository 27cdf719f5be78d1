import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { DelegatedSessions } from './delegated-sessions.service.js';
import { handleOf } from '../protocol/session-names.js';
import type { OAuthRecords } from './oauth-records.adapter.js';

/**
 * The engine's sessions: those in which people have signed in themselves, which are records of the engine, and delegated
 * ones, which are only lent to it. All that is stored of a lent session is a logout that waits for the user's answer.
 */
export class EngineSessions implements Adapter {
  constructor(
    private readonly records: OAuthRecords,
    private readonly logouts: OAuthRecords,
    private readonly delegated: DelegatedSessions,
  ) {}

  async find(id: string): Promise<AdapterPayload | undefined> {
    const lent = this.delegated.findLent(id);
    if (!lent) return this.records.find(id);
    const logout = await this.logouts.find(lent.uid!);
    return { ...lent, ...(logout && { state: logout.state }) };
  }

  findByUid(name: string): Promise<AdapterPayload | undefined> {
    return handleOf(name) === null ? this.records.findByUid(name) : this.delegated.findByName(name);
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    if (!this.delegated.isLent(id)) return this.records.upsert(id, payload, expiresIn);
    const { uid, accountId, state } = payload;
    if (state) await this.logouts.upsert(uid!, { accountId, state }, expiresIn);
  }

  async destroy(id: string): Promise<void> {
    if (!this.delegated.isLent(id)) await this.records.destroy(id);
  }

  revokeByGrantId(grantId: string): Promise<void> {
    return this.records.revokeByGrantId(grantId);
  }

  consume(id: string): Promise<void> {
    return this.records.consume(id);
  }

  findByUserCode(): Promise<undefined> {
    return this.records.findByUserCode();
  }
}

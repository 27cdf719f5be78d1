import { Injectable } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.js';
import type { DomainError } from '../../common/errors/errors.js';
import { toBytes } from '../../common/login-id.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import type { EntryClaims } from '../../tokens/tokens.service.js';

/** Finds whom a refused token belonged to. If its record is gone, whoever asked for it tells the organization. */
const ORIGIN: Statement = {
  name: 'find_origin_of_login_token',
  sql: `SELECT COALESCE(d."organization_id", u."staff_organization_id") AS "organizationId", d."group_id" AS "groupId"
        FROM "users" u LEFT JOIN "login_tokens" t ON t."id" = $1 LEFT JOIN "delegations" d ON d."id" = t."delegation_id"
        WHERE u."id" = $2`,
};

/** Records refused login tokens that we have signed. Forged ones are not recorded, because anybody can make them. */
@Injectable()
export class LoginRefusalsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /** Records a refusal and returns its error. */
  async record({ jti, sub, act, client_id }: EntryClaims, error: DomainError): Promise<DomainError> {
    const [origin] = await this.database.read<{ organizationId: string | null; groupId: string | null }>(ORIGIN, [
      toBytes(jti),
      act.sub,
    ]);
    if (origin?.organizationId)
      await this.audit.refuse({
        event: 'SESSION_REFUSED',
        organizationId: origin.organizationId,
        userId: sub,
        by: { userId: act.sub, clientId: client_id },
        groupId: origin.groupId,
        tokenId: jti,
        details: { reason: error.id },
      });
    return error;
  }
}

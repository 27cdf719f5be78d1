import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { NamedDto } from '../../access/dto/explanation.dto.js';
import type { AuditEventName } from '../../schema/entities/audit-events.js';
import { PERMISSIONS } from '../../schema/entities/account-permission.entity.js';

/** The events that are refusals. */
export const REFUSALS = [
  'ACCESS_REFUSED',
  'SESSION_REFUSED',
  'ASSERTION_REFUSED',
  'SIGN_IN_FAILED',
] as const satisfies AuditEventName[];
export const RIGHT_KINDS = ['MEMBERSHIP', 'GROUP_RIGHT', 'ACCOUNT_PERMISSION'] as const;
export const CREDENTIAL_KINDS = ['NO_KEY', 'OLD_KEY', 'OLD_SECRET'] as const;

/** A right that ends soon, or all memberships of a group that do. Members without a value are left out. */
export class EndingRightDto {
  @ApiProperty({ enum: RIGHT_KINDS })
  kind: (typeof RIGHT_KINDS)[number];

  @ApiPropertyOptional({ type: NamedDto, description: 'Whose right it is, unless it is that of members.' })
  user?: NamedDto;

  @ApiPropertyOptional({ type: NamedDto, description: 'The group of the members, or that the right is on.' })
  group?: NamedDto;

  @ApiPropertyOptional({ enum: [...PERMISSIONS, 'MANAGE', 'VIEW'] })
  permission?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'How many memberships end.' })
  count?: number;

  @ApiProperty({ description: 'When it ends, or the first of the memberships.', example: '2026-12-01T09:00:00Z' })
  validUntil: string;
}

/** A key or a secret that somebody has to look at. Members without a value are left out. */
export class WeakCredentialDto {
  @ApiProperty({
    enum: CREDENTIAL_KINDS,
    description: '`NO_KEY`: a service account that can do nothing. The others are older than a year.',
  })
  kind: (typeof CREDENTIAL_KINDS)[number];

  @ApiPropertyOptional({ type: NamedDto })
  serviceAccount?: NamedDto;

  @ApiPropertyOptional({ type: NamedDto })
  client?: NamedDto;

  @ApiPropertyOptional({ description: 'When the key or secret was made.', example: '2025-01-01T09:00:00Z' })
  created?: string;
}

/** A webhook that fails, or that was disabled for it. Members without a value are left out. */
export class FailingWebhookDto {
  @ApiProperty({ example: 'Wh6vKq2LwT0m8sQXq3bVxg' })
  id: string;

  @ApiProperty({ description: 'Its description, or its address.', example: 'Access reports' })
  name: string;

  @ApiPropertyOptional({ enum: ['GONE', 'FAILING'] })
  disabledReason?: 'GONE' | 'FAILING';

  @ApiPropertyOptional({ description: 'When it began to fail.', example: '2026-11-27T09:00:00Z' })
  since?: string;
}

/** What happened in an hour. Of each kind, up to 10,000 events are counted. */
export class HourDto {
  @ApiProperty({ description: 'When the hour begins.', example: '2026-11-27T09:00:00Z' })
  from: string;

  @ApiProperty({ type: 'integer', description: 'Login tokens that were issued.' })
  logins: number;

  @ApiProperty({ type: 'integer', description: 'Sessions that started.' })
  sessions: number;

  @ApiProperty({ type: 'integer' })
  refusals: number;
}

/** Refusals of the same kind, for the same reason. */
export class RefusalCountDto {
  @ApiProperty({ enum: REFUSALS })
  event: (typeof REFUSALS)[number];

  @ApiPropertyOptional({ type: 'integer', description: 'The rule that refused (docs/api.md, section 4.2).' })
  rule?: number;

  @ApiPropertyOptional({ description: 'The error id.', example: 'unknown_user' })
  reason?: string;

  @ApiProperty({ type: 'integer' })
  count: number;
}

/** What needs attention in the organization. The caller gets the parts that their rights show them. */
export class OverviewDto {
  @ApiProperty({ type: [EndingRightDto], description: 'Rights that end within 7 days, the soonest first.' })
  endingRights: EndingRightDto[];

  @ApiPropertyOptional({
    type: 'integer',
    description: 'How many people can manage the staff. For `MANAGE_STAFF`.',
  })
  staffManagers?: number;

  @ApiPropertyOptional({ type: [WeakCredentialDto], description: 'For `MANAGE_SERVICE_ACCOUNTS`.' })
  credentials?: WeakCredentialDto[];

  @ApiPropertyOptional({
    type: [FailingWebhookDto],
    description: 'For those with both `MANAGE_SERVICE_ACCOUNTS` and `VIEW_AUDIT_LOG`.',
  })
  webhooks?: FailingWebhookDto[];

  @ApiPropertyOptional({
    type: [HourDto],
    description: 'This hour and the 23 before it, the oldest first. For `VIEW_AUDIT_LOG`.',
  })
  hours?: HourDto[];

  @ApiPropertyOptional({
    type: [RefusalCountDto],
    description: 'The refusals of these hours, the most frequent first. For `VIEW_AUDIT_LOG`.',
  })
  refusals?: RefusalCountDto[];
}

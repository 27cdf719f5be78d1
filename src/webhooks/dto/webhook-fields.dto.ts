import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, Matches, MaxLength, ValidateIf } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';
import { EmptyIsNull, IsInstant, TEXT_LINE, ToList } from '../../common/fields.js';
import { AUDIT_EVENTS } from '../../schema/entities/audit-events.js';
import type { AuditEventName } from '../../schema/entities/audit-events.js';
import { MAX_WEBHOOK_URL, WEBHOOK_STATUSES } from '../../schema/entities/webhook-endpoint.entity.js';
import type { WebhookStatus } from '../../schema/entities/webhook-endpoint.entity.js';
import { WEBHOOK_KEY_TYPES } from '../../schema/entities/webhook-key.entity.js';
import type { WebhookKeyType } from '../../schema/entities/webhook-key.entity.js';

const MAX_DESCRIPTION = 255;
const URL_RULE = `url must be an https URL of at most ${MAX_WEBHOOK_URL} characters`;

/** The fields of a webhook that callers set and change (docs/api.md, section 11.5). */
class WebhookFieldsDto {
  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_DESCRIPTION,
    description: 'What it is for. An empty value removes it.',
    example: 'Access reports',
  })
  @EmptyIsNull()
  @IsOptional()
  @Matches(TEXT_LINE)
  @MaxLength(MAX_DESCRIPTION)
  description?: string | null;

  @ApiPropertyOptional({
    enum: AUDIT_EVENTS,
    isArray: true,
    description: 'The events that it gets. Without any, it gets all. In a form, repeat the field.',
    example: ['SESSION_STARTED', 'SESSION_ENDED'],
  })
  @ToList()
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(AUDIT_EVENTS.length)
  @IsIn(AUDIT_EVENTS, { each: true, ...failsAs('incorrect_field', 'events must be names of events') })
  events?: AuditEventName[];
}

export class NewWebhookDto extends WebhookFieldsDto {
  @ApiProperty({
    maxLength: MAX_WEBHOOK_URL,
    description: 'Where the events are sent: an https URL, or an http URL on loopback.',
    example: 'https://host.example/webhooks',
  })
  @IsString(failsAs('incorrect_field', URL_RULE))
  @MaxLength(MAX_WEBHOOK_URL, failsAs('incorrect_field', URL_RULE))
  url: string;

  @ApiPropertyOptional({
    enum: WEBHOOK_KEY_TYPES,
    default: 'ED25519',
    description: '`ED25519` for a key pair; `HMAC` for a secret, for receivers that know nothing else.',
  })
  @IsOptional()
  @IsIn(WEBHOOK_KEY_TYPES, failsAs('incorrect_field', `keyType must be ${WEBHOOK_KEY_TYPES.join(' or ')}`))
  keyType: WebhookKeyType = 'ED25519';
}

/** The changes to a webhook. A given list replaces the previous one. */
export class WebhookChangesDto extends WebhookFieldsDto {
  @ApiPropertyOptional({ maxLength: MAX_WEBHOOK_URL, example: 'https://host.example/webhooks' })
  @ValidateIf(({ url }: WebhookChangesDto) => url !== undefined)
  @IsString(failsAs('incorrect_field', URL_RULE))
  @MaxLength(MAX_WEBHOOK_URL, failsAs('incorrect_field', URL_RULE))
  url?: string;

  @ApiPropertyOptional({
    enum: WEBHOOK_STATUSES,
    description: '`DISABLED` stops the sending; `ENABLED` goes on where it stopped, and tries a failing one at once.',
    example: 'DISABLED',
  })
  @ValidateIf(({ status }: WebhookChangesDto) => status !== undefined)
  @IsIn(WEBHOOK_STATUSES, failsAs('incorrect_field', `status must be ${WEBHOOK_STATUSES.join(' or ')}`))
  status?: WebhookStatus;
}

export class NewWebhookKeyFieldsDto {
  @ApiPropertyOptional({
    enum: WEBHOOK_KEY_TYPES,
    description: 'Without it, the kind of the current key.',
    example: 'ED25519',
  })
  @IsOptional()
  @IsIn(WEBHOOK_KEY_TYPES, failsAs('incorrect_field', `type must be ${WEBHOOK_KEY_TYPES.join(' or ')}`))
  type?: WebhookKeyType;
}

/** Which part of the record is sent again. */
export class ReplayDto {
  @ApiProperty({
    type: String,
    format: 'date-time',
    description: 'Events at this instant or later.',
    example: '2026-01-11T00:00:00Z',
  })
  @IsInstant()
  from: string;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    description: 'Events before this instant. Without it, those until now.',
    example: '2026-01-12T00:00:00Z',
  })
  @IsOptional()
  @IsInstant()
  to?: string;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { AUDIT_EVENTS } from '../../schema/entities/audit-events.js';
import type { AuditEventName } from '../../schema/entities/audit-events.js';
import { WEBHOOK_DISABLED_REASONS, WEBHOOK_STATUSES } from '../../schema/entities/webhook-endpoint.entity.js';
import type { WebhookDisabledReason, WebhookStatus } from '../../schema/entities/webhook-endpoint.entity.js';
import { WEBHOOK_KEY_TYPES } from '../../schema/entities/webhook-key.entity.js';
import type { WebhookKeyType } from '../../schema/entities/webhook-key.entity.js';
import { OrganizationRefDto } from '../../users/dto/user.dto.js';

const PUBLIC_KEY = 'whpk_jQR/4LMs2e0dCykT1xJqZVPNgQsJ8vLJ8mQ5tXp2U4o=';

/** A key that signs what a webhook sends, without its secret. */
export class WebhookKeyDto {
  @ApiProperty({ description: 'Identifies the key.', example: 'Wk5vKq2LwT0m8sQXq3bVxg' })
  id: string;

  @ApiProperty({ enum: WEBHOOK_KEY_TYPES })
  type: WebhookKeyType;

  @ApiPropertyOptional({ description: 'Of a key pair: what verifies the signatures.', example: PUBLIC_KEY })
  publicKey?: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'When the key stops to sign. Absent from the latest key.',
    example: '2026-01-12T16:54:11Z',
  })
  signsUntil?: string;
}

const SECRET = {
  description: 'For `HMAC`: the secret that verifies the signatures. Only shown once.',
  example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
};

export class CreatedWebhookKeyDto extends WebhookKeyDto {
  @ApiPropertyOptional(SECRET)
  secret?: string;
}

/** A range of the record that is being sent again. */
export class RunningReplayDto {
  @ApiProperty({ format: 'date-time', description: 'What is older was sent.', example: '2026-01-11T16:54:11Z' })
  sentUntil: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-12T00:00:00Z' })
  to: string;
}

/** Where an organization receives its events (docs/api.md, section 11.5). Members without a value are left out. */
export class WebhookDto {
  @ApiProperty({ enum: ['WEBHOOK'] })
  type: 'WEBHOOK';

  @ApiProperty({ example: 'Wh6vKq2LwT0m8sQXq3bVxg' })
  id: string;

  @ApiProperty({ example: 'https://host.example/webhooks' })
  url: string;

  @ApiPropertyOptional({ example: 'Access reports' })
  description?: string;

  @ApiProperty({
    enum: AUDIT_EVENTS,
    isArray: true,
    description: 'The events that it gets. An empty list stands for all.',
    example: ['SESSION_STARTED', 'SESSION_ENDED'],
  })
  events: AuditEventName[];

  @ApiProperty({ enum: WEBHOOK_STATUSES })
  status: WebhookStatus;

  @ApiPropertyOptional({
    enum: WEBHOOK_DISABLED_REASONS,
    description: 'Why it is disabled: `GONE` after an answer of 410, `FAILING` if it took nothing for three days.',
  })
  disabledReason?: WebhookDisabledReason;

  @ApiProperty({ type: [WebhookKeyDto], description: 'The keys that sign, the latest first.' })
  keys: WebhookKeyDto[];

  @ApiProperty({
    format: 'date-time',
    description: 'The events until here are delivered.',
    example: '2026-01-11T16:54:11Z',
  })
  deliveredUntil: string;

  @ApiPropertyOptional({ type: RunningReplayDto })
  replay?: RunningReplayDto;

  @ApiProperty({ type: 'integer', description: 'How often it has failed since it last took an event.', example: 0 })
  failures: number;

  @ApiPropertyOptional({ format: 'date-time', description: 'When it began to fail.' })
  failingSince?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When it is tried again.' })
  nextAttempt?: string;

  @ApiPropertyOptional({ description: 'Why it failed last.', example: 'It answers with status 503.' })
  lastError?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When it last took an event.' })
  lastSuccess?: string;

  @ApiProperty({ type: OrganizationRefDto })
  organization: OrganizationRefDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;
}

/** A webhook that was just made. */
export class CreatedWebhookDto extends WebhookDto {
  @ApiPropertyOptional(SECRET)
  secret?: string;
}

export class WebhooksDto {
  @ApiProperty({ type: [WebhookDto] })
  webhooks: WebhookDto[];
}

/** What an endpoint said to a test. */
export class WebhookTestDto {
  @ApiProperty({ description: 'Whether it has taken the event: it answered with a status from 200 to 299.' })
  delivered: boolean;

  @ApiPropertyOptional({ type: 'integer', description: 'The status of its answer, if there was one.', example: 204 })
  status?: number;

  @ApiPropertyOptional({ description: 'Why it has not taken it.', example: 'It answers with status 503.' })
  error?: string;
}

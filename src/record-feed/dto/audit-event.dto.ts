import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { AUDIT_EVENTS } from '../../schema/entities/audit-events.js';
import type { AuditDetails, AuditEventName } from '../../schema/entities/audit-events.js';

/** Further details of an event. */
export class AuditDetailsDto implements AuditDetails {
  @ApiPropertyOptional({
    description:
      'Why a session ended early (`LOGOUT`, `BY_USER`, `BY_ADMINISTRATOR`, `RIGHT_REVOKED`, `REPLACED`, `ALL_REVOKED`), or why something was refused.',
    example: 'LOGOUT',
  })
  reason?: string;

  @ApiPropertyOptional({
    description: 'The `reason` of an access call.',
    example: 'Call 4711: the results do not open',
  })
  text?: string;

  @ApiPropertyOptional({ description: 'The permission that was given or taken away.', example: 'MANAGE' })
  permission?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the right that was given begins.' })
  validFrom?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the right that was given ends.' })
  validUntil?: string;

  @ApiPropertyOptional({ description: 'The code of the third party.', example: 'LMS' })
  thirdParty?: string;

  @ApiPropertyOptional({ type: [String], description: 'The fields that were given.', example: ['name'] })
  fields?: string[];

  @ApiPropertyOptional({ description: 'The grant of OAuth 2.0.', example: 'authorization_code' })
  grant?: string;

  @ApiPropertyOptional({ description: 'The ID of the key that signed an assertion, or that was made or revoked.' })
  key?: string;

  @ApiPropertyOptional({ description: 'The ID of the OAuth client that it is about.' })
  client?: string;

  @ApiPropertyOptional({ description: 'The origin of a site.', example: 'https://learn.example.com' })
  origin?: string;

  @ApiPropertyOptional({ description: 'The ID of a webhook.' })
  webhook?: string;

  @ApiPropertyOptional({ description: 'The ID of a client’s secret.' })
  secret?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Accounts that an import made.' })
  created?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'Accounts that an import changed.' })
  changed?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'Memberships that an import made.' })
  joined?: number;
}

/** An event of the audit log. It refers to things by ID, which remains valid after they are deleted. */
export class AuditEventDto {
  @ApiProperty({ description: 'Identifies the event.', example: '4711' })
  id: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  at: string;

  @ApiProperty({ enum: AUDIT_EVENTS })
  event: AuditEventName;

  @ApiPropertyOptional({ description: 'The user that the event is about: `sub`.', example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  user?: string;

  @ApiPropertyOptional({
    description: 'Who did it: `act`. Absent when it was an operator on the command line.',
    example: 'Tq0mHc2b4cV8p0fYxw3n1A',
  })
  actor?: string;

  @ApiPropertyOptional({ description: 'The client that was used.', example: '3f0c6d1e9b7a4c2d8e5f60718293a4b5' })
  client?: string;

  @ApiPropertyOptional({ example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  group?: string;

  @ApiPropertyOptional({
    description: 'The `jti` of the token. It identifies the token, and cannot be used in its place.',
    example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11',
  })
  token?: string;

  @ApiPropertyOptional({ description: 'As in the list of sessions.', example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11' })
  session?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Which rule refused access: 1, 3, 4, 5, 6 or 7.', example: 6 })
  rule?: number;

  @ApiPropertyOptional({ type: () => AuditDetailsDto })
  details?: AuditDetailsDto;

  @ApiPropertyOptional({
    description: 'The `X-Request-Id` of the request that caused it. Absent on the command line, and from logins.',
    example: '7f4b9c1e-52a3-4d0b-9c55-1f0a6f0e2d11',
  })
  request?: string;
}

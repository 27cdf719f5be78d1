import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PaginationDto } from '../../http/paging.js';
import { APPLICATION_SESSION_STATES } from '../../schema/entities/application-session.entity.js';
import type { ApplicationSessionState } from '../../schema/entities/application-session.entity.js';

/** What an application knows of the end of a session. */
class LogoutDto {
  @ApiProperty({
    enum: APPLICATION_SESSION_STATES,
    description:
      '`LIVE`: the session is live. `DUE`: it has ended, and the application is being told. `NOTIFIED`: the application has confirmed it. `FAILED`: it has not within a day. `ENDED`: it has no address for logout tokens.',
    example: 'LIVE',
  })
  status: ApplicationSessionState;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'When the end of the session was noticed.',
    example: '2026-01-11T17:20:05Z',
  })
  ended?: string;

  @ApiProperty({ type: 'integer', description: 'How often a logout token was sent.', example: 0 })
  attempts: number;

  @ApiPropertyOptional({ format: 'date-time', example: '2026-01-11T17:20:05Z' })
  lastAttempt?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Of a logout that is due.',
    example: '2026-01-11T17:20:09Z',
  })
  nextAttempt?: string;

  @ApiPropertyOptional({
    description: 'Why the last attempt failed. The subject is the address for logout tokens.',
    example: 'It answers with status 503.',
  })
  error?: string;
}

class ApplicationDto {
  @ApiProperty({ description: 'The ID of its client.', example: 'd3e0a1c2b3f4958677a8b9cadbecfd0e' })
  id: string;

  @ApiProperty({ example: 'Moodle' })
  name: string;
}

export class ApplicationOfSessionDto extends LogoutDto {
  @ApiProperty({ type: ApplicationDto })
  client: ApplicationDto;

  @ApiProperty({
    format: 'date-time',
    description: 'When the session first signed the user in there.',
    example: '2026-01-11T16:54:11Z',
  })
  signedIn: string;
}

export class ApplicationsOfSessionDto {
  @ApiProperty({ type: [ApplicationOfSessionDto] })
  applications: ApplicationOfSessionDto[];
}

class LoggedOutUserDto {
  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  id: string;

  @ApiPropertyOptional({ description: 'Absent if the account has been deleted.', example: 'Anna Jansen' })
  name?: string;
}

export class UnconfirmedLogoutDto extends LogoutDto {
  @ApiProperty({ type: LoggedOutUserDto })
  user: LoggedOutUserDto;

  @ApiPropertyOptional({
    description: 'The session that has ended; absent if it was a sign-in with a password or a passkey.',
    example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11',
  })
  session?: string;
}

export class UnconfirmedLogoutsDto {
  @ApiProperty({ type: [UnconfirmedLogoutDto] })
  logouts: UnconfirmedLogoutDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}

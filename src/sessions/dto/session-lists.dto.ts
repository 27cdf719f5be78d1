import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsOptional, IsString } from 'class-validator';
import { PageQueryDto, PaginationDto } from '../../http/paging.js';
import { ActorDto } from './session.dto.js';

/** The user whose sessions to list. Without one, those of all users whom the organization manages are listed. */
export class SessionsQueryDto extends PageQueryDto {
  @ApiPropertyOptional({
    type: String,
    description: 'A user ID, `self`, an e-mail address, or a third-party ID as `CODE$ID`.',
    example: 'anna@demo.example',
  })
  @Transform(({ value }: { value: unknown }) => (value === '' ? undefined : value))
  @IsOptional()
  @IsString()
  user?: string;
}

/** The user that a session or a login token is for. */
export class VisitorDto {
  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  id: string;

  @ApiProperty({ example: 'Anna Jansen' })
  name: string;
}

class ListedDto {
  @ApiProperty({ type: VisitorDto })
  user: VisitorDto;

  @ApiProperty({ type: ActorDto, description: 'Who let the user in.' })
  actor: ActorDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;

  @ApiProperty({
    format: 'date-time',
    description: 'The latest time at which it ends.',
    example: '2026-01-12T04:54:11Z',
  })
  expires: string;
}

/** A live session, as administrators see it. */
export class ListedSessionDto extends ListedDto {
  @ApiProperty({
    description: 'Identifies the session: the `jti` of its login token. It cannot be used to open it.',
    example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11',
  })
  id: string;

  @ApiPropertyOptional({ description: 'What the browser says it is, if that is known.', example: 'Firefox on Windows' })
  device?: string;

  @ApiProperty({ format: 'date-time', description: 'To the minute.', example: '2026-01-11T16:58:02Z' })
  lastSeen: string;
}

/** A login token that can still start a session. The token itself is not stored, so no answer contains it. */
export class ListedAccessTokenDto extends ListedDto {
  @ApiProperty({ description: 'The `jti` of the token.', example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11' })
  id: string;
}

export class SessionsDto {
  @ApiProperty({ type: [ListedSessionDto] })
  sessions: ListedSessionDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}

export class AccessTokensDto {
  @ApiProperty({ type: [ListedAccessTokenDto] })
  accessTokens: ListedAccessTokenDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { fails, ToBoolean } from '../../common/fields.js';
import { UserFieldsDto } from '../../users/dto/user-fields.dto.js';
import { UserDto } from '../../users/dto/user.dto.js';

/** Whom to add to a group: with `setup`, a missing account is made from the other fields. */
export class NewMemberDto extends UserFieldsDto {
  @ApiPropertyOptional({ description: 'Make the account if there is none.', example: true })
  @ToBoolean()
  @IsOptional()
  @IsBoolean()
  setup?: boolean;
}

/** A person in a group, or invited to it (API.md, section 6). */
export class MemberDto {
  @ApiProperty({ type: UserDto })
  member: UserDto;

  @ApiPropertyOptional({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  joined?: string;

  @ApiPropertyOptional({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  invited?: string;

  @ApiProperty({ enum: ['JOINED', 'INVITED'] })
  status: 'JOINED' | 'INVITED';
}

export class InvitationAnswerDto {
  @ApiProperty({ enum: ['ACCEPT', 'DECLINE'] })
  @IsIn(['ACCEPT', 'DECLINE'], fails('invalid_action'))
  action: 'ACCEPT' | 'DECLINE';
}

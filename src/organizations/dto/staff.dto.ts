import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { EmptyIsNull, fails, TEXT_LINE } from '../../common/fields.js';
import { UserDto } from '../../users/dto/user.dto.js';

/** The staff of an organization (docs/api.md, section 8.3). */
export class StaffDto {
  @ApiProperty({ type: 'integer', example: 1 })
  total: number;

  @ApiProperty({ type: [UserDto] })
  users: UserDto[];
}

export class NewStaffDto {
  @ApiPropertyOptional({
    type: String,
    description: 'For a new account.',
    maxLength: 255,
    example: 'Bo Bakker',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @Matches(TEXT_LINE, fails('missing_name'))
  @MaxLength(255, fails('missing_name'))
  name?: string | null;
}

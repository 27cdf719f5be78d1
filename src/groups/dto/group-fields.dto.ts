import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength, ValidateIf } from 'class-validator';
import { EmptyIsNull, fails, TEXT, TEXT_LINE } from '../../common/fields.js';

const MAX_NAME = 255;
const MAX_DESCRIPTION = 2000;

/** A new group (docs/api.md, section 7.1). */
export class NewGroupDto {
  @ApiProperty({ maxLength: MAX_NAME, example: 'Class 2B' })
  @Matches(TEXT_LINE, fails('name_missing'))
  @MaxLength(MAX_NAME, fails('name_missing'))
  name: string;

  @ApiProperty({ maxLength: MAX_DESCRIPTION, example: 'All pupils of 2B' })
  @Matches(TEXT, fails('description_missing'))
  @MaxLength(MAX_DESCRIPTION, fails('description_missing'))
  description: string;

  @ApiPropertyOptional({ type: String, maxLength: 255, example: '2B-2026' })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @Matches(TEXT_LINE, fails('invalid_custom_reference'))
  @MaxLength(255, fails('invalid_custom_reference'))
  customReference?: string | null;
}

/** The changes to a group. Fields that are not given stay as they are. */
export class GroupChangesDto {
  @ApiPropertyOptional({ maxLength: MAX_NAME, example: 'Class 2B' })
  @ValidateIf(({ name }: GroupChangesDto) => name !== undefined)
  @Matches(TEXT_LINE, fails('invalid_name'))
  @MaxLength(MAX_NAME, fails('invalid_name'))
  name?: string;

  @ApiPropertyOptional({ maxLength: MAX_DESCRIPTION, example: 'All pupils of 2B' })
  @ValidateIf(({ description }: GroupChangesDto) => description !== undefined)
  @Matches(TEXT, fails('invalid_description'))
  @MaxLength(MAX_DESCRIPTION, fails('invalid_description'))
  description?: string;

  @ApiPropertyOptional({ type: String, maxLength: 255, example: '2B-2026' })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @Matches(TEXT_LINE, fails('invalid_custom_reference'))
  @MaxLength(255, fails('invalid_custom_reference'))
  customReference?: string | null;
}

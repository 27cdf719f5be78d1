import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsISO31661Alpha2,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateBy,
} from 'class-validator';
import { EmptyIsNull, fails, TEXT_LINE } from '../../common/fields.js';
import { isEmailAddress, normalizeEmailAddress } from '../../common/user-ref.js';
import { IsLocale, IsTimeZone } from './locale.validators.js';

function IsEmailAddress(): PropertyDecorator {
  return ValidateBy(
    { name: 'isEmailAddress', validator: { validate: isEmailAddress } },
    fails('email_address_invalid'),
  );
}

/** The fields of an account that can be given (docs/api.md, section 6.2). */
export class UserFieldsDto {
  @ApiPropertyOptional({ type: String, maxLength: 255, example: 'Bo Bakker' })
  @IsOptional()
  @IsString()
  @Matches(TEXT_LINE, fails('real_name_not_specified'))
  @MaxLength(255, fails('real_name_not_specified'))
  name?: string | null;

  @ApiPropertyOptional({ type: String, description: 'The same as `name`.', maxLength: 255, example: 'Bo Bakker' })
  @IsOptional()
  @IsString()
  @Matches(TEXT_LINE, fails('real_name_not_specified'))
  @MaxLength(255, fails('real_name_not_specified'))
  realName?: string | null;

  @ApiPropertyOptional({ type: String, format: 'email', maxLength: 254, example: 'bo.bakker@demo.example' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? normalizeEmailAddress(value) : value))
  @IsOptional()
  @IsString()
  @IsEmailAddress()
  emailAddress?: string | null;

  @ApiPropertyOptional({ type: String, description: 'The code of a third party of the organization.', example: 'LMS' })
  @IsOptional()
  @IsString()
  thirdParty?: string | null;

  @ApiPropertyOptional({
    type: String,
    description: 'The user’s ID at that third party.',
    maxLength: 255,
    example: '4714',
  })
  @IsOptional()
  @IsString()
  thirdPartyId?: string | null;

  @ApiPropertyOptional({ type: String, description: 'A language tag', example: 'nl-NL' })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @IsLocale(fails('locale_invalid'))
  locale?: string | null;

  @ApiPropertyOptional({ type: String, example: 'Europe/Amsterdam' })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @IsTimeZone(fails('invalid_time_zone'))
  timeZone?: string | null;

  @ApiPropertyOptional({ type: String, maxLength: 2000, example: 'Second-year student' })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @MaxLength(2000)
  description?: string | null;

  @ApiPropertyOptional({ type: 'integer', minimum: 1900, example: 1998 })
  @EmptyIsNull()
  @Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^\d{4}$/.test(value) ? Number(value) : value,
  )
  @IsOptional()
  @IsInt(fails('year_of_birth_invalid'))
  @Min(1900, fails('year_of_birth_invalid'))
  @Max(new Date().getUTCFullYear(), fails('year_of_birth_invalid'))
  yearOfBirth?: number | null;

  @ApiPropertyOptional({ type: String, description: 'ISO 3166-1 alpha-2', example: 'NL' })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @IsISO31661Alpha2(fails('residence_country_invalid'))
  domicile?: string | null;
}

/**
 * The changes to an account, including its status. The examples equal the values of the demo's account, so that trying
 * them changes nothing.
 */
export class UserChangesDto extends UserFieldsDto {
  @ApiPropertyOptional({ type: String, maxLength: 255, example: 'Anna Jansen' })
  declare name?: string | null;

  @ApiPropertyOptional({ type: String, description: 'The same as `name`.', maxLength: 255, example: 'Anna Jansen' })
  declare realName?: string | null;

  @ApiPropertyOptional({ type: String, format: 'email', maxLength: 254, example: 'anna@demo.example' })
  declare emailAddress?: string | null;

  @ApiPropertyOptional({
    type: String,
    description: 'The user’s ID at that third party.',
    maxLength: 255,
    example: '4711',
  })
  declare thirdPartyId?: string | null;

  @ApiPropertyOptional({ enum: ['ACTIVE', 'BLOCKED'] })
  @IsOptional()
  @IsIn(['ACTIVE', 'BLOCKED'])
  status?: 'ACTIVE' | 'BLOCKED';
}

/** The changes to the caller's own account. */
export class OwnChangesDto extends UserChangesDto {
  @ApiPropertyOptional({ type: String, maxLength: 255, example: 'Demo Administrator' })
  declare name?: string | null;

  @ApiPropertyOptional({
    type: String,
    description: 'The same as `name`.',
    maxLength: 255,
    example: 'Demo Administrator',
  })
  declare realName?: string | null;

  @ApiPropertyOptional({ type: String, format: 'email', maxLength: 254, example: 'admin@demo.example' })
  declare emailAddress?: string | null;

  @ApiPropertyOptional({ type: String, description: 'The code of a third party of the organization.', example: '' })
  declare thirdParty?: string | null;

  @ApiPropertyOptional({
    type: String,
    description: 'The user’s ID at that third party.',
    maxLength: 255,
    example: '',
  })
  declare thirdPartyId?: string | null;
}

import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean } from 'class-validator';
import { ToBoolean } from '../../common/fields.js';

/** The settings of an organization that its administrators change. */
export class OrganizationFieldsDto {
  @ApiProperty({ description: 'Whether its staff must sign in with a passkey.', example: false })
  @ToBoolean()
  @IsBoolean()
  requiresPasskeys: boolean;
}

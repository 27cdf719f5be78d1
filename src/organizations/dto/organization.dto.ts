import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** An organization (docs/api.md, section 8.1). Members without a value are left out. */
export class OrganizationDto {
  @ApiProperty({ enum: ['ORGANIZATION'] })
  type: 'ORGANIZATION';

  @ApiProperty({ example: 'kWlTj0xqQ1m7Yc5fGZ0s2A' })
  id: string;

  @ApiProperty({ example: 'Demo Academy' })
  name: string;

  @ApiPropertyOptional({ format: 'email', example: 'office@demo.example' })
  emailAddress?: string;

  @ApiPropertyOptional({ example: 'en' })
  locale?: string;

  @ApiProperty({ type: [String], description: 'The codes of its third parties.', example: ['LMS'] })
  thirdParties: string[];

  @ApiProperty({ description: 'Whether its staff must sign in with a passkey.', example: false })
  requiresPasskeys: boolean;
}

import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';

export class AccessQueryDto {
  @ApiPropertyOptional({
    enum: ['ssl'],
    description:
      'The session that the token starts is usable over https only: its cookie is `Secure`, and the URL is https.',
  })
  @IsOptional()
  @IsString()
  @IsIn(['ssl'], failsAs('incorrect_field', 'security can only be ssl'))
  security?: 'ssl';

  @ApiPropertyOptional({
    type: String,
    description:
      'Where the login ends: a path on the public site, or a URL on an origin of the calling client. Percent-encode what is not ASCII.',
    example: '/',
  })
  @IsOptional()
  @IsString()
  returnTo?: string;
}

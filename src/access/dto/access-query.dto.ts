import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';
import { DELIVERIES, EXISTING_SESSION } from '../../schema/entities/login-token.entity.js';
import type { Delivery, ExistingSession } from '../../schema/entities/login-token.entity.js';

export class AccessQueryDto {
  @ApiPropertyOptional({
    enum: ['ssl'],
    description:
      'The session that the token starts is usable over https only: its cookie is `Secure`, and the URL is https.',
  })
  @IsOptional()
  @IsString()
  @IsIn(['ssl'], failsAs('incorrect_field', 'security must be ssl'))
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

  @ApiPropertyOptional({
    type: String,
    description:
      'An origin of the calling client. The session is for a frame on its pages, and the pages shown in it can be framed there and nowhere else. ' +
      'Needs an https public URL, or one on `localhost`. Without it, the client’s `embedOrigin` counts, if it has one; `none` is for a window all the same.',
  })
  @IsOptional()
  @IsString()
  embed?: string;

  @ApiPropertyOptional({
    enum: DELIVERIES,
    default: 'redirect',
    description:
      '`redirect`: opening the URL starts the session. `link`: the URL travels by mail or chat; it shows a page that starts the session ' +
      'when the visitor is there, so that scanners and previews do not use the token up.',
  })
  @IsOptional()
  @IsString()
  @IsIn(DELIVERIES, failsAs('incorrect_field', 'delivery must be redirect or link'))
  delivery?: Delivery;

  @ApiPropertyOptional({
    enum: EXISTING_SESSION,
    default: 'keep',
    description:
      'What becomes of a live session of another user in the browser: `keep` leaves it and the token alone, `switch` ends it, `ask` asks the visitor.',
  })
  @IsOptional()
  @IsString()
  @IsIn(EXISTING_SESSION, failsAs('incorrect_field', 'session must be keep, switch or ask'))
  session?: ExistingSession;
}

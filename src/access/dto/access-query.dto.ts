import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';
import { TEXT_LINE } from '../../common/fields.js';
import { DELIVERIES, EXISTING_SESSION } from '../../schema/entities/login-token.entity.js';
import type { Delivery, ExistingSession } from '../../schema/entities/login-token.entity.js';

/** Characters of a reason. Longer text belongs in the host's own records. */
export const MAX_REASON = 200;
const A_REASON = failsAs('incorrect_field', `reason must be one line of 1 to ${MAX_REASON} characters`);

export class AccessQueryDto {
  @ApiPropertyOptional({
    enum: ['ssl'],
    description: 'The session only works over https: its cookie is `Secure`, and the URL is https.',
  })
  @IsOptional()
  @IsString()
  @IsIn(['ssl'], failsAs('incorrect_field', 'security must be ssl'))
  security?: 'ssl';

  @ApiPropertyOptional({
    type: String,
    description:
      'Where the login ends: a path on the public site, or a URL on an origin of the calling client. Percent-encode characters outside ASCII.',
    example: '/',
  })
  @IsOptional()
  @IsString()
  returnTo?: string;

  @ApiPropertyOptional({
    type: String,
    description:
      'An origin of the calling client. The session is for a frame on its pages. The pages shown in it can be framed only there. ' +
      'Needs an https public URL, or one on `localhost`. Without it, the client’s `embedOrigin` is used, if it has one; `none` asks for a session in a window anyway.',
  })
  @IsOptional()
  @IsString()
  embed?: string;

  @ApiPropertyOptional({
    enum: DELIVERIES,
    default: 'redirect',
    description:
      '`redirect`: opening the URL starts the session. `link`: for a URL that is sent by mail or chat. It shows a page that starts the session ' +
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
      'What happens to a live session of another user in the browser: `keep` leaves it and the token alone, `switch` ends it, `ask` asks the visitor.',
  })
  @IsOptional()
  @IsString()
  @IsIn(EXISTING_SESSION, failsAs('incorrect_field', 'session must be keep, switch or ask'))
  session?: ExistingSession;

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_REASON,
    description:
      'Why a person lets the user in, one line. The audit log records it with the token, as `ACCESS_REASON_GIVEN`. ' +
      'It is part of the address, which proxies log, so it must contain no secret.',
    example: 'Call 4711: the results do not open',
  })
  @IsOptional()
  @IsString(A_REASON)
  @Matches(TEXT_LINE, A_REASON)
  @MaxLength(MAX_REASON, A_REASON)
  reason?: string;
}

import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';
import { ANSWERS } from './existing-session.js';
import type { Answer } from './existing-session.js';

export class LoginAnswerDto {
  @ApiPropertyOptional({
    enum: ANSWERS,
    default: 'open',
    description:
      '`open` opens the link. If another user is signed in, `continue` switches to the user of the token, and `stay` does not.',
  })
  @IsOptional()
  @IsIn(ANSWERS, failsAs('invalid_request', 'answer must be open, continue or stay'))
  answer?: Answer;

  /** The page's secret, in a hidden field of its form. It shows that the same page has sent its form twice. */
  @ApiPropertyOptional({ description: 'The value in the form of the page.', pattern: '^[\\w-]{43}$' })
  @IsOptional()
  @Matches(/^[\w-]{43}$/, failsAs('invalid_request', 'visit must come from a page of this service'))
  visit?: string;
}

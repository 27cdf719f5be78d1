import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';
import { ANSWERS } from '../existing-session.js';
import type { Answer } from '../existing-session.js';

export class LoginAnswerDto {
  @ApiPropertyOptional({
    enum: ANSWERS,
    default: 'open',
    description:
      '`open` opens the link; where another user is signed in, `continue` as the one whom the token is for, or `stay`.',
  })
  @IsOptional()
  @IsIn(ANSWERS, failsAs('invalid_request', 'answer is open, continue or stay'))
  answer?: Answer;
}

import { Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { Database } from '../database/database.js';
import { findUser } from './find-user.js';
import { PasskeysService } from './passkeys.service.js';
import { UserRefPipe } from './user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';
import { UsersPolicy } from './users.policy.js';

@ApiTags('Users')
@ApiBearerAuth()
@ApiParam({ name: 'user', example: 'dana@demo.example' })
@Controller(`${API}/user/:user/passkeys`)
export class PasskeysController {
  constructor(
    private readonly passkeys: PasskeysService,
    private readonly policy: UsersPolicy,
    private readonly database: Database,
  ) {}

  @ApiOperation({
    operationId: 'removePasskeys',
    summary: 'Remove a user’s passkeys and recovery codes',
    description:
      'For somebody who has lost them. It ends the user’s sign-ins. Where a passkey is required, they add one after the next sign-in with their password.',
  })
  @ApiNoContentResponse()
  @ApiBearerErrors('missing_field', 'no_access', 'nonexistent_user')
  @Delete()
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(204)
  async remove(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) ref: UserRef): Promise<void> {
    await this.database.transaction(async (db) => {
      const user = await this.policy.requireMayResetPassword(db, caller, await findUser(db, caller, ref));
      await this.passkeys.remove(db, user, null, caller);
    });
  }
}

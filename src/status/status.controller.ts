import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { ApiErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { VERSION } from './version.js';

export class VersionDto {
  @ApiProperty({ example: '1.0.0' })
  version: string;
}

export class HealthDto {
  @ApiProperty({ enum: ['ok'] })
  status: 'ok';
}

const PING: Statement = { name: 'ping', sql: 'SELECT 1 AS "one"' };

@ApiTags('Status')
@Controller()
@CalledBy('anyone')
export class StatusController {
  constructor(private readonly database: Database) {}

  @ApiOperation({ operationId: 'getVersion', summary: 'The version of the service', description: 'Needs no token.' })
  @ApiOkResponse({ type: VersionDto })
  @ApiErrors()
  @Get(`${API}/version`)
  version(): VersionDto {
    return { version: VERSION };
  }

  @ApiOperation({
    operationId: 'getHealth',
    summary: 'Whether this instance can answer',
    description: 'For load balancers: it asks the database. Needs no token.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiErrors()
  @Get('health')
  async health(): Promise<HealthDto> {
    await this.database.read(PING, []);
    return { status: 'ok' };
  }
}

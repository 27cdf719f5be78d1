import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { unavailable } from '../http/error.filter.js';
import { ApiErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { FAULTS, Readiness } from './readiness.service.js';
import { VERSION } from './version.js';

export class VersionDto {
  @ApiProperty({ example: '1.0.0' })
  version: string;
}

export class HealthDto {
  @ApiProperty({ enum: ['ok'] })
  status: 'ok';
}

const OK: HealthDto = { status: 'ok' };

@ApiTags('Status')
@Controller()
@CalledBy('anyone')
export class StatusController {
  constructor(private readonly readiness: Readiness) {}

  @ApiOperation({ operationId: 'getVersion', summary: 'The version of the service', description: 'Needs no token.' })
  @ApiOkResponse({ type: VersionDto })
  @ApiErrors()
  @Get(`${API}/version`)
  version(): VersionDto {
    return { version: VERSION };
  }

  @ApiOperation({
    operationId: 'getHealth',
    summary: 'Whether this instance can serve requests',
    description: 'The same as `/health/ready`. Needs no token.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiErrors()
  @Get('health')
  health(): Promise<HealthDto> {
    return this.ready();
  }

  @ApiOperation({
    operationId: 'getReadiness',
    summary: 'Whether this instance can serve requests',
    description:
      'For load balancers: the database accepts writes and has the schema of this version, there are signing keys, and the instance is not shutting down. If not, `failing` in the error says which: `database`, `schema`, `keys` or `draining`. Needs no token.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiErrors()
  @Get('health/ready')
  async ready(): Promise<HealthDto> {
    const fault = await this.readiness.findFault();
    if (fault) throw unavailable(FAULTS[fault], { failing: fault });
    return OK;
  }

  @ApiOperation({
    operationId: 'getLiveness',
    summary: 'Whether this process answers',
    description:
      'For supervisors, which start a process again that does not answer. It asks no database. Needs no token.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiErrors()
  @Get('health/live')
  live(): HealthDto {
    return OK;
  }

  @ApiOperation({
    operationId: 'getStarted',
    summary: 'Whether this instance has started',
    description:
      'An instance accepts connections once it has migrated the schema and loaded the keys, so an answer says that it has. Needs no token.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiErrors()
  @Get('health/started')
  started(): HealthDto {
    return OK;
  }
}

import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { versionOf } from '../common/paths.js';
import type { ApiVersion } from '../common/paths.js';

/** The API version in the URL that the client requested. The router itself sees one version only. */
export const AskedVersion = createParamDecorator((_: unknown, context: ExecutionContext): ApiVersion =>
  versionOf(context.switchToHttp().getRequest<FastifyRequest>().originalUrl),
);

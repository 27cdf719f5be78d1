// Measures the guard: the CPU time of one call with a token that it knows, within the process and without HTTP. Prints
// microseconds. bench.mjs runs it on a filled database.
import 'reflect-metadata';
import { NestFactory, Reflector } from '@nestjs/core';
import { AppModule } from '../dist/src/app/app.module.js';
import { AttemptsService } from '../dist/src/limits/attempts.service.js';
import { BearerGuard } from '../dist/src/auth/bearer.guard.js';
import { BearerStrategy } from '../dist/src/auth/bearer.strategy.js';
import { loadSettings } from '../dist/src/config/settings.js';
import { CallerTokensService } from '../dist/src/clients/caller-tokens.service.js';
import { UsersController } from '../dist/src/users/users.controller.js';
import { CALLER } from './dataset.mjs';

const CALLS = 200_000;
const TOKEN_SECONDS = 3600;

const app = await NestFactory.createApplicationContext(AppModule.with(loadSettings(process.env)), {
  logger: ['error'],
  abortOnError: false,
});
const token = await app
  .get(CallerTokensService, { strict: false })
  .mint({ by: 'id', id: CALLER.userId }, TOKEN_SECONDS, CALLER.clientId);
// Created as Nest creates the guard of every route.
const [reflector, attempts, strategy] = [Reflector, AttemptsService, BearerStrategy].map((provider) =>
  app.get(provider, { strict: false }),
);
const guard = new BearerGuard(reflector, attempts, strategy);
// A first round warms up: the token is verified and the code is compiled.
await call(CALLS);
const before = process.cpuUsage();
await call(CALLS);
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${((user + system) / CALLS).toFixed(2)}\n`);
await app.close();

async function call(times) {
  for (let i = 0; i < times; i++) await guard.canActivate(contextOf({ headers: { authorization: `Bearer ${token}` } }));
}

/** The context that Nest passes to a guard, for a route that callers with a token may use. */
function contextOf(request) {
  return {
    getClass: () => UsersController,
    getHandler: () => UsersController.prototype.getSelf,
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => undefined }),
  };
}

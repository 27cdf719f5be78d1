import { ConsoleLogger } from '@nestjs/common';
import type { LogLevel } from '@nestjs/common';
import type { Settings } from './settings.js';

const LEVELS: Record<Settings['LOG_LEVEL'], LogLevel[]> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug'],
};

/** The framework's own messages about building the application: one line for each module and route. */
const FRAMEWORK = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** The framework's report of a failed start. The code that starts the application tells the operator what matters. */
const FAILED_START = 'ExceptionHandler';

/** Writes one line for each event: JSON in production, text otherwise. */
export class AppLogger extends ConsoleLogger {
  private readonly isVerbose: boolean;

  constructor(settings: Pick<Settings, 'LOG_LEVEL' | 'isProduction'>) {
    super({ logLevels: LEVELS[settings.LOG_LEVEL], json: settings.isProduction });
    this.isVerbose = settings.LOG_LEVEL === 'debug';
  }

  override error(message: unknown, ...parameters: unknown[]): void {
    if (this.isVerbose || parameters.at(-1) !== FAILED_START) super.error(message, ...(parameters as [string]));
  }

  override log(message: unknown, ...parameters: unknown[]): void {
    if (this.isVerbose || !FRAMEWORK.has(String(parameters.at(-1)))) super.log(message, ...(parameters as [string]));
  }
}

import { ConsoleLogger } from '@nestjs/common';
import type { LogLevel } from '@nestjs/common';
import type { Settings } from './settings.js';

const LEVELS: Record<Settings['LOG_LEVEL'], LogLevel[]> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug'],
};

/** The framework's own account of how it put the application together, a line for each module and route. */
const FRAMEWORK = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** How the framework reports a start that failed, of which whoever started it says what an operator has to know. */
const FAILED_START = 'ExceptionHandler';

/** One line for each event: JSON in production, text for people otherwise. */
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

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { StartError } from '../config/start-error.js';
import { measureProcess } from '../telemetry/process.js';
import { registry } from '../telemetry/series.js';
import { GaugesService } from './gauges.service.js';

const PATH = '/metrics';
/** Milliseconds in which a request has to arrive. */
const ARRIVAL_MS = 5_000;

/** Answers Prometheus, on an address of its own and nothing but the metrics. */
@Injectable()
export class MetricsServer implements OnApplicationShutdown {
  private readonly logger = new Logger('Metrics');
  private server: Server | null = null;

  constructor(
    private readonly settings: Settings,
    private readonly gauges: GaugesService,
  ) {}

  /** Listens at METRICS_ADDRESS, and returns the URL of the metrics; without that setting, does nothing. */
  async listen(): Promise<string | null> {
    const { metricsAddress } = this.settings;
    if (!metricsAddress) return null;
    measureProcess();
    const server = createServer(
      { requestTimeout: ARRIVAL_MS, headersTimeout: ARRIVAL_MS },
      (request, response) => void this.answer(request, response),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: Error) => reject(cannotListen(error)));
      // Workers share an address unless one asks for its own.
      server.listen({ ...metricsAddress, exclusive: true }, resolve);
    });
    this.server = server;
    const { address, family, port } = server.address() as AddressInfo;
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}${PATH}`;
    this.logger.log(`Metrics at ${url}`);
    return url;
  }

  /** Runs when the last request of the service has been answered, so that the metrics show the end too. */
  async onApplicationShutdown(): Promise<void> {
    const { server } = this;
    if (!server) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  private async answer({ url, method }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url?.split('?', 1)[0] !== PATH) return end(response, 404, `Only ${PATH} is here.\n`);
    if (method !== 'GET') return end(response.setHeader('Allow', 'GET'), 405, 'Only GET works here.\n');
    try {
      await this.gauges.read();
      response.setHeader('Content-Type', registry.contentType).end(await registry.metrics());
    } catch (error) {
      this.logger.error(String(error));
      end(response, 500, 'The metrics cannot be read. The log says why.\n');
    }
  }
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}

function cannotListen({ message }: Error): StartError {
  return new StartError(`Cannot listen at METRICS_ADDRESS (${message}). Set it to a free address of this machine.`);
}

import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** A TCP proxy whose connections can fall silent: they accept data and deliver none of it, without a reset. */
export class SilentProxy {
  private readonly sockets = new Set<Socket>();
  private readonly pairs = new Map<Socket, Socket>();
  private isSilent = false;
  private cutOffAfter?: string;
  private loseAnswersTo?: string;

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (client: Socket) => this.accept(client));
  }

  static async start(target: { host: string; port: number }): Promise<SilentProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SilentProxy(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Silences some of the existing connections for ever. New ones work. Returns how many were silenced. */
  silence(count = this.pairs.size): number {
    const chosen = [...this.pairs].slice(0, count);
    for (const [client, server] of chosen) this.cutOff(client, server);
    return chosen.length;
  }

  /** Loses the server's answers on existing connections. Requests still reach the server. */
  loseAnswers(): void {
    for (const [client, server] of this.pairs) this.dropAnswers(client, server);
  }

  /** Holds back what the server says, also that it ends a connection, until `passAnswers`. */
  holdAnswers(): void {
    for (const [client, server] of this.pairs) server.unpipe(client).pause();
  }

  /** Passes on what was held back, all at once. */
  passAnswers(): void {
    for (const [client, server] of this.pairs) server.pipe(client);
  }

  /** Silences a connection for ever as soon as `text` is sent on it, one byte before the end of that message. */
  breakOffAfter(text: string): void {
    this.cutOffAfter = text;
  }

  /** Loses the server's answers on a connection as soon as `text` is sent on it. */
  loseAnswersAfter(text: string): void {
    this.loseAnswersTo = text;
  }

  /** Silences all connections, and new ones from their beginning. */
  silenceAll(): void {
    this.isSilent = true;
    this.silence();
  }

  /** Lets new connections work again. */
  recover(): void {
    this.isSilent = false;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    this.track(client);
    if (this.isSilent) {
      client.resume();
      return;
    }
    const server = this.track(connect(this.target));
    this.pairs.set(client, server);
    client.on('data', (chunk: Buffer) => this.pass(chunk, client, server));
    server.pipe(client);
    const end = (): void => {
      if (!this.pairs.delete(client)) return;
      client.destroy();
      server.destroy();
    };
    client.once('close', end);
    server.once('close', end);
  }

  private pass(chunk: Buffer, client: Socket, server: Socket): void {
    if (!this.pairs.has(client)) return;
    const isLast = this.cutOffAfter !== undefined && chunk.includes(this.cutOffAfter);
    if (this.loseAnswersTo !== undefined && chunk.includes(this.loseAnswersTo)) this.dropAnswers(client, server);
    server.write(isLast ? chunk.subarray(0, -1) : chunk);
    if (isLast) this.cutOff(client, server);
  }

  /** Separates the two ends. Both stay open and receive nothing from each other. */
  private cutOff(client: Socket, server: Socket): void {
    this.pairs.delete(client);
    this.dropAnswers(client, server);
  }

  private dropAnswers(client: Socket, server: Socket): void {
    server.unpipe(client);
    server.resume();
  }

  private track(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined);
    return socket;
  }
}

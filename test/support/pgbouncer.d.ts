export class PgBouncer {
  static start(server: URL, sessions: number): Promise<PgBouncer>;
  through(url: string): string;
  moveTo(server: URL): void;
  stop(): Promise<void>;
}

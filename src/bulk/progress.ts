import { SingleBar } from 'cli-progress';

/** Milliseconds between two lines if the output is not a terminal. */
const LINE_EVERY_MS = 2000;

/**
 * Shows the progress of long work on the standard error: a bar on a terminal, and elsewhere a line from time to time.
 */
export class Progress {
  private bar: SingleBar | undefined;
  private title = '';
  private lastLine = performance.now();

  show(title: string, done: number, total: number): void {
    if (!process.stderr.isTTY) {
      this.line(title, done, total);
      return;
    }
    if (title !== this.title) {
      this.stop();
      this.bar = new SingleBar({
        format: `${title} {bar} {percentage}% | {duration_formatted}`,
        clearOnComplete: false,
      });
      this.bar.start(total, done);
    }
    this.title = title;
    this.bar!.update(Math.min(done, total));
  }

  /** Removes the bar. Call it before anything else is written. */
  stop(): void {
    this.bar?.stop();
    this.title = '';
  }

  private line(title: string, done: number, total: number): void {
    if (performance.now() - this.lastLine < LINE_EVERY_MS) return;
    this.lastLine = performance.now();
    process.stderr.write(`${title}: ${total > 0 ? Math.floor((100 * done) / total) : 100}%\n`);
  }
}

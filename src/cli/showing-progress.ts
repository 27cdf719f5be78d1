import { Progress } from '../bulk/progress.js';

/** Runs long work, and shows how far it is. */
export async function showingProgress<T>(
  work: (show: (phase: string, done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const progress = new Progress();
  try {
    return await work((phase, done, total) => progress.show(phase, done, total));
  } finally {
    progress.stop();
  }
}

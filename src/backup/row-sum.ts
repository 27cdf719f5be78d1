import { hash } from 'node:crypto';

const MASK = (1n << 64n) - 1n;

/** The number of rows and a checksum over them, whatever their order. */
export class RowSum {
  rows = 0;
  private sum = 0n;

  add(texts: (string | null)[]): void {
    this.rows++;
    this.sum = (this.sum + hash('sha256', JSON.stringify(texts), 'buffer').readBigUInt64BE(0)) & MASK;
  }

  equals(other: RowSum): boolean {
    return this.rows === other.rows && this.sum === other.sum;
  }
}

/** What the emulator answers: an object as JSON, a page, or nothing. */
export interface Reply {
  status: number;
  headers?: Record<string, string | string[]>;
  body?: object;
  html?: string;
}

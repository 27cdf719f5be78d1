/** Whether a text is an origin in the form that browsers write: `https://learn.example.com`. */
export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && hasOrigin(text, text);
}

export function hasOrigin(target: string, origin: string): boolean {
  return URL.canParse(target) && new URL(target).origin === origin;
}

import { parse } from 'fast-querystring';

/**
 * Reads a query string. A parameter that is given twice, in the array and object notations of other servers
 * (`token[]=`, `token[x]=`), or in something else than percent-encoded UTF-8, becomes an array, so that validation
 * refuses it where a text is expected instead of reading one of the values, or some text, or none.
 */
export function parseQueryString(text: string): Record<string, unknown> {
  const parsed = parse(text) as Record<string, unknown>;
  for (const name of Object.keys(parsed)) {
    const bracket = name.indexOf('[');
    if (bracket > 0) parsed[name.slice(0, bracket)] = [parsed[name]];
  }
  if (text.includes('%') && !isPercentEncoded(text)) markUndecodable(text, parsed);
  return parsed;
}

/** The parser leaves what it can't decode as it is. */
function markUndecodable(text: string, parsed: Record<string, unknown>): void {
  for (const pair of text.split('&').filter((part) => !isPercentEncoded(part))) {
    const [name] = Object.keys(parse(pair));
    if (name !== undefined) parsed[name] = [parsed[name]];
  }
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

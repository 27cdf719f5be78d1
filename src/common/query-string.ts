import { parse } from 'fast-querystring';

/**
 * Parses a query string. A parameter that is repeated, or written in the array or object notation of other servers
 * (`token[]=`, `token[x]=`), becomes an array. Validation then refuses it where a string is expected, instead of
 * reading one of the values or none.
 */
export function parseQueryString(text: string): Record<string, unknown> {
  const parsed = parse(text) as Record<string, unknown>;
  for (const name of Object.keys(parsed)) {
    const bracket = name.indexOf('[');
    if (bracket > 0) parsed[name.slice(0, bracket)] = [parsed[name]];
  }
  return parsed;
}

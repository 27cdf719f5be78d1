import { parse } from 'fast-querystring';

/**
 * Reads a query string. A parameter that is given twice, or in the array and object notations of other servers
 * (`token[]=`, `token[x]=`), becomes an array, so that validation refuses it where a text is expected instead of
 * reading one of the values, or none.
 */
export function parseQueryString(text: string): Record<string, unknown> {
  const parsed = parse(text) as Record<string, unknown>;
  for (const name of Object.keys(parsed)) {
    const bracket = name.indexOf('[');
    if (bracket > 0) parsed[name.slice(0, bracket)] = [parsed[name]];
  }
  return parsed;
}

import { readFileSync } from 'node:fs';

/** The example in docs/proxies.md in `language` that contains `text`. */
export function recipe(language: string, text: string): string {
  const examples = readFileSync('docs/proxies.md', 'utf8').matchAll(/^```(\w+)\n([^]*?)^```$/gm);
  const found = [...examples].filter(([, of, example]) => of === language && example!.includes(text));
  if (found.length !== 1) throw new Error(`${found.length} examples in ${language} have ${text}.`);
  return found[0]![2]!;
}

// Renders the guides of docs, which the service shows under /guides, to dist/guides.json.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Marked, Renderer } from 'marked';

const GUIDES = ['service-accounts', 'applications', 'php', 'java'];
const { code } = Renderer.prototype;

const marked = new Marked({
  // Without tokens of its own, HTML in a document is text, and text is escaped.
  tokenizer: { html: () => undefined, tag: () => undefined },
  renderer: {
    // A block that scrolls must be reachable with the keyboard.
    code: ({ text }) => code({ text }).replace('<pre>', '<pre tabindex="0">'),
    link({ href, tokens }) {
      if (/^https?:/.test(href)) return false;
      const label = this.parser.parseInline(tokens);
      const guide = GUIDES.find((name) => href.split('#')[0] === `${name}.md`);
      // The service shows no other document of the repository.
      return guide ? `<a href="/guides/${guide}">${label}</a>` : label;
    },
  },
});

function render(name) {
  const [heading, ...rest] = marked.lexer(readFileSync(`docs/${name}.md`, 'utf8'));
  if (heading?.type !== 'heading' || heading.depth !== 1)
    throw new Error(`docs/${name}.md must begin with a # heading.`);
  return { title: heading.text, body: marked.parser(rest) };
}

mkdirSync('dist', { recursive: true });
writeFileSync('dist/guides.json', JSON.stringify(Object.fromEntries(GUIDES.map((name) => [name, render(name)]))));

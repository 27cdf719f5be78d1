import { expect, it } from '@jest/globals';
import { html } from './html.js';

it('escapes what would be HTML', () => {
  expect(html`<p>${'<b>&"\''}</p>`.text).toBe('<p>&#60;b&#62;&#38;&#34;&#39;</p>');
});

it('lets no name turn round what stands after it', () => {
  for (const character of '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')
    expect(html`<p>${`Portal${character}`} of ${'Academy'}</p>`.text).toBe('<p>Portal of Academy</p>');
  expect(html`<input value="${'a\u202e<'}">`.text).toBe('<input value="a\u202e&#60;">');
  expect(html`${'نور \u200fSmith'}`.text).toBe('نور \u200fSmith');
});

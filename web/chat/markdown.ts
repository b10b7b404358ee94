/**
 * Markdown as elements. Nodes are made from tokens and no text is ever parsed as HTML: what a model writes as
 * HTML is shown as it is written.
 */
import { Lexer } from 'marked';
import type { MarkedToken, Token, Tokens } from 'marked';
import { copyButton } from '../dom/copy.ts';
import { node } from '../dom/node.ts';

type Child = Node | string;
type Makers = {
  readonly [Type in MarkedToken['type']]: (
    token: Extract<MarkedToken, { readonly type: Type }>,
  ) => Child;
};

/** Links elsewhere could run a script. */
const SAFE_LINK = /^(https?:|mailto:)/i;
const REFERENCES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

const MAKERS: Makers = {
  blockquote: ({ tokens }) => node('blockquote', {}, ...nodesOf(tokens)),
  br: () => node('br'),
  checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  code: ({ text, lang = '' }) => codeBlock(text, lang),
  codespan: ({ text }) => node('code', {}, text),
  def: () => '',
  del: ({ tokens }) => node('del', {}, ...nodesOf(tokens)),
  em: ({ tokens }) => node('em', {}, ...nodesOf(tokens)),
  escape: ({ text }) => text,
  // The page's title is the first level. One level for all others leaves none out, whatever a model begins with.
  heading: ({ tokens }) => node('h2', {}, ...nodesOf(tokens)),
  hr: () => node('hr'),
  html: ({ raw }) => raw,
  // The page's policy loads no pictures: their description and address are shown.
  image: ({ href, text }) => linkTo(href, [text === '' ? href : text]),
  link: ({ href, tokens }) => linkTo(href, nodesOf(tokens)),
  list: ({ ordered, start, items }) =>
    ordered
      ? node('ol', { start: start === '' ? 1 : start }, ...items.map(listItem))
      : node('ul', {}, ...items.map(listItem)),
  list_item: (item) => listItem(item),
  paragraph: ({ tokens }) => node('p', {}, ...nodesOf(tokens)),
  space: () => '',
  strong: ({ tokens }) => node('strong', {}, ...nodesOf(tokens)),
  table: ({ header, rows }) => table(header, rows),
  text: (token) =>
    'tokens' in token && token.tokens !== undefined
      ? fragment(nodesOf(token.tokens))
      : withReferences(token.text),
};

/** Shows a text that grows: blocks that stay the same keep their elements, and what is selected in them. */
export class MarkdownView {
  readonly element = node('div', { className: 'markdown' });
  /** Source of each block; its element has the same index. */
  #sources: string[] = [];

  show(markdown: string): void {
    const blocks = blocksOf(markdown);
    const sources = blocks.map(({ raw }) => raw);
    const changed = sources.findIndex((source, at) => source !== this.#sources[at]);
    const kept = changed < 0 ? sources.length : changed;
    while (this.element.childNodes.length > kept) this.element.lastChild?.remove();
    // One element a block, also where a block shows nothing, so that indices stay equal.
    for (const block of blocks.slice(kept)) {
      const made = nodeOf(block);
      this.element.append(typeof made === 'string' ? document.createTextNode(made) : made);
    }
    this.#sources = sources;
  }
}

function blocksOf(markdown: string): Token[] {
  try {
    return Lexer.lex(markdown, { gfm: true, breaks: true });
  } catch {
    // Nesting deeper than the parser's stack.
    return [{ type: 'html', raw: markdown }];
  }
}

function nodeOf(token: Token): Child {
  const make = (MAKERS as Readonly<Record<string, (token: Token) => Child>>)[token.type];
  return make === undefined ? token.raw : make(token);
}

function nodesOf(tokens: readonly Token[]): Child[] {
  return tokens.map(nodeOf);
}

function fragment(children: readonly Child[]): DocumentFragment {
  const made = document.createDocumentFragment();
  made.append(...children);
  return made;
}

function withReferences(text: string): string {
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (reference) => REFERENCES[reference] ?? '');
}

function linkTo(href: string, children: readonly Child[]): Child {
  if (!SAFE_LINK.test(href)) return fragment(children);
  return node('a', { href, target: '_blank', rel: 'noopener noreferrer' }, ...children);
}

function listItem({ tokens }: Tokens.ListItem): HTMLElement {
  return node('li', {}, ...nodesOf(tokens));
}

function codeBlock(text: string, language: string): HTMLElement {
  const pre = node('pre', { tabIndex: 0 }, node('code', {}, text));
  const bar = node('div', { className: 'bar' }, node('span', {}, language));
  bar.append(copyButton('Copy code', () => text));
  return node('div', { className: 'code' }, bar, pre);
}

function table(header: readonly Tokens.TableCell[], rows: readonly Tokens.TableCell[][]): Child {
  const rowOf = (name: 'th' | 'td', cells: readonly Tokens.TableCell[]) =>
    node('tr', {}, ...cells.map(({ tokens }) => node(name, {}, ...nodesOf(tokens))));
  return node(
    'div',
    { className: 'scroll', tabIndex: 0 },
    node(
      'table',
      {},
      node('thead', {}, rowOf('th', header)),
      node('tbody', {}, ...rows.map((cells) => rowOf('td', cells))),
    ),
  );
}

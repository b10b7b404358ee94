/** The text of HTML or XHTML: tags are dropped, entities become characters. Every source gives a text. */

/** A text, and the source positions of its spans. */
export interface SourcedText {
  readonly text: string;
  /** Source positions of a span of `text`. */
  readonly sourceOf: (start: number, end: number) => readonly [number, number];
}

/** Elements that are separated from the text around them. */
const BLOCKS = new Set(
  'address article aside blockquote br dd div dl dt figcaption footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table td th tr ul title'.split(
    ' ',
  ),
);
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  ndash: '\u2013',
  mdash: '\u2014',
  lsquo: '\u2018',
  rsquo: '\u2019',
  ldquo: '\u201c',
  rdquo: '\u201d',
  hellip: '\u2026',
  copy: '\u00a9',
  eacute: '\u00e9',
  egrave: '\u00e8',
  agrave: '\u00e0',
  ccedil: '\u00e7',
  auml: '\u00e4',
  ouml: '\u00f6',
  uuml: '\u00fc',
  szlig: '\u00df',
  euro: '\u20ac',
};
const MAX_CODE_POINT = 0x10ffff;

/** @returns the text that a reader sees, and where its characters stand in the source */
export function htmlText(html: string): SourcedText {
  let text = '';
  // Pieces of the text: their start in the text, and their span in the source.
  const pieces: { readonly at: number; readonly from: number; readonly to: number }[] = [];
  const add = (piece: string, from: number, to: number): void => {
    if (piece === '') return;
    pieces.push({ at: text.length, from, to });
    text += piece;
  };
  let last = 0;
  for (const { from, to, text: piece } of markupOf(html)) {
    add(html.slice(last, from), last, from);
    add(piece, from, to);
    last = to;
  }
  add(html.slice(last), last, html.length);
  const pieceAt = (position: number) => {
    let [low, high] = [0, pieces.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pieces[middle]!.at <= position) low = middle;
      else high = middle - 1;
    }
    return pieces[low]!;
  };
  return {
    text,
    sourceOf(start, end) {
      const first = pieceAt(start);
      const final = pieceAt(Math.max(start, end - 1));
      return [
        Math.min(first.from + (start - first.at), first.to),
        Math.min(final.from + (end - final.at), final.to),
      ];
    },
  };
}

/** Elements whose content is not text. */
const RAW = new Set(['script', 'style', 'template', 'noscript', 'svg']);
const TAG = /<\/?([a-zA-Z][\w-]*)/y;
const ENTITY = /&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|[a-zA-Z][a-zA-Z0-9]{1,31});/y;

interface Markup {
  readonly from: number;
  readonly to: number;
  /** Its replacement in the text. */
  readonly text: string;
}

/** Tags, comments and entities in order. Every character is read a bounded number of times. */
function* markupOf(html: string): Generator<Markup, void, void> {
  const starts = /[<&]/g;
  for (let match = starts.exec(html); match !== null; match = starts.exec(html)) {
    const from = match.index;
    const found = match[0] === '&' ? entityAt(html, from) : tagAt(html, from);
    if (found === null) continue;
    yield { from, ...found };
    starts.lastIndex = found.to;
  }
}

type Found = Pick<Markup, 'to' | 'text'>;

function tagAt(html: string, from: number): Found | null {
  if (html.startsWith('<!--', from)) return { to: after(html, '-->', from), text: '' };
  if (html.startsWith('<!', from)) return { to: after(html, '>', from), text: '' };
  TAG.lastIndex = from;
  const [opening = '', name = ''] = TAG.exec(html) ?? [];
  if (opening === '') return null;
  const tag = name.toLowerCase();
  const end = tagEnd(html, from + opening.length);
  const text = BLOCKS.has(tag) ? '\n\n' : '';
  if (!RAW.has(tag) || opening.startsWith('</')) return { to: end, text };
  const closing = new RegExp(`</${tag}`, 'gi');
  closing.lastIndex = end;
  const close = closing.exec(html);
  return { to: close === null ? html.length : after(html, '>', close.index), text };
}

/** Index after the next `mark`; the end of the text when it is never closed. */
function after(html: string, mark: string, from: number): number {
  const at = html.indexOf(mark, from);
  return at < 0 ? html.length : at + mark.length;
}

/** Index after the '>' that ends a tag; a '>' in quotation marks does not end it. */
function tagEnd(html: string, from: number): number {
  const marks = /["'>]/g;
  marks.lastIndex = from;
  for (let mark = marks.exec(html); mark !== null; mark = marks.exec(html)) {
    if (mark[0] === '>') return mark.index + 1;
    const closing = html.indexOf(mark[0], mark.index + 1);
    if (closing < 0) return html.length;
    marks.lastIndex = closing + 1;
  }
  return html.length;
}

function entityAt(html: string, from: number): Found | null {
  ENTITY.lastIndex = from;
  const match = ENTITY.exec(html);
  const text = match === null ? null : entityText(match[1]!);
  return match === null || text === null ? null : { to: from + match[0].length, text };
}

function entityText(name: string): string | null {
  if (!name.startsWith('#')) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : null;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  const isCharacter = code > 0 && code <= MAX_CODE_POINT && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : null;
}

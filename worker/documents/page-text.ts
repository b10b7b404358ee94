/** Lines and paragraphs of a page, from pieces of text with their places. */

/** A piece of text as pdf.js gives it. */
export interface PlacedText {
  readonly str: string;
  /** The last two values are the place of its lower left corner, in points. */
  readonly transform: readonly number[];
  readonly width: number;
  readonly height: number;
  /** Whether a line ends after it. */
  readonly hasEOL: boolean;
}

interface Line {
  readonly text: string;
  readonly right: number;
  readonly y: number;
  readonly height: number;
}

/** Lines further apart than this many heights are of two paragraphs. */
const PARAGRAPH_GAP = 1.7;
/** A line that ends left of this share of the widest one ends its row, item or paragraph. */
const FULL_LINE = 0.8;

export function pageText(items: readonly PlacedText[]): string {
  const lines = linesOf(items);
  const right = lines.reduce((most, line) => Math.max(most, line.right), 0);
  let text = '';
  for (const [i, line] of lines.entries()) {
    const previous = lines[i - 1];
    if (previous === undefined) text = line.text;
    else text = joined(text, line, previous, previous.right >= right * FULL_LINE);
  }
  // Some fonts have NUL where they have no character.
  return text.replaceAll(/[\0-\u0008\u000e-\u001f]/g, '');
}

function joined(text: string, line: Line, previous: Line, isFull: boolean): string {
  const gap = Math.abs(previous.y - line.y);
  if (gap > PARAGRAPH_GAP * Math.max(previous.height, line.height, 1))
    return `${text}\n\n${line.text}`;
  if (!isFull) return `${text}\n${line.text}`;
  // A word that was divided at the end of its line.
  if (/\p{Ll}[-\u00ad]$/u.test(previous.text) && /^\p{Ll}/u.test(line.text))
    return text.slice(0, -1) + line.text;
  return `${text} ${line.text}`;
}

function linesOf(items: readonly PlacedText[]): Line[] {
  const lines: Line[] = [];
  let parts: string[] = [];
  let [right, y, height] = [0, 0, 0];
  const end = (): void => {
    const text = parts.join('').trim();
    if (text !== '') lines.push({ text, right, y, height });
    parts = [];
    [right, y, height] = [0, 0, 0];
  };
  for (const { str, transform, width, height: itemHeight, hasEOL } of items) {
    if (str.trim() !== '') {
      const [x = 0, itemY = 0] = transform.slice(4);
      if (parts.length === 0) y = itemY;
      right = Math.max(right, x + width);
      height = Math.max(height, itemHeight);
    }
    if (str !== '' && (parts.length > 0 || str.trim() !== '')) parts.push(str);
    if (hasEOL) end();
  }
  end();
  return lines;
}

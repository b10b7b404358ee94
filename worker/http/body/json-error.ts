/**
 * Finds where a text stops being JSON. JSON.parse knows, but V8 leaves the position out of most of its
 * messages. Follows RFC 8259 with a stack of open brackets instead of recursion.
 */

export interface JsonErrorPlace {
  readonly offset: number;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  readonly what: string;
}

type Expected =
  'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'commaOrEnd' | 'quote' | 'end';

const EXPECTED_NAMES: Readonly<Record<Expected, string>> = {
  value: 'a value',
  valueOrEnd: 'a value or "]"',
  key: 'a property name in double quotes',
  keyOrEnd: 'a property name in double quotes or "}"',
  colon: '":"',
  commaOrEnd: '"," or the closing bracket',
  quote: 'a closing quote, no raw control character and no unknown escape',
  end: 'the end of the text',
};

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** @param text one that JSON.parse has refused */
export function findJsonError(text: string): JsonErrorPlace {
  const open: ('{' | '[')[] = [];
  let offset = 0;
  let expected: Expected = 'value';

  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    const found = pattern.exec(text);
    if (found !== null) offset += found[0].length;
    return found !== null;
  };
  const afterValue = (): Expected => (open.length === 0 ? 'end' : 'commaOrEnd');
  const step = (): Expected | null => {
    const char = text[offset];
    const wantsValue = expected === 'value' || expected === 'valueOrEnd';
    const wantsKey = expected === 'key' || expected === 'keyOrEnd';
    if (wantsKey && take(STRING)) return 'colon';
    if (wantsValue && (take(STRING) || take(SCALAR))) return afterValue();
    if ((wantsKey || wantsValue) && take(STRING_START)) {
      expected = 'quote';
      return null;
    }
    if (wantsValue && (char === '{' || char === '[')) {
      open.push(char);
      offset++;
      return char === '{' ? 'keyOrEnd' : 'valueOrEnd';
    }
    const mayEnd =
      expected === 'commaOrEnd' || expected === 'keyOrEnd' || expected === 'valueOrEnd';
    if (mayEnd && char === (open.at(-1) === '{' ? '}' : ']')) {
      open.pop();
      offset++;
      return afterValue();
    }
    if (expected === 'commaOrEnd' && char === ',') {
      offset++;
      return open.at(-1) === '{' ? 'key' : 'value';
    }
    if (expected !== 'colon' || char !== ':') return null;
    offset++;
    return 'value';
  };

  for (;;) {
    take(SPACE);
    const next = offset < text.length ? step() : null;
    if (next === null) return placeOf(text, offset, expected);
    expected = next;
  }
}

function placeOf(text: string, offset: number, expected: Expected): JsonErrorPlace {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  const got = offset < text.length ? JSON.stringify(text.slice(offset, offset + 10)) : 'the end';
  return {
    offset,
    line: before.split('\n').length,
    column: offset - lastBreak,
    what: `expected ${EXPECTED_NAMES[expected]}, got ${got}`,
  };
}

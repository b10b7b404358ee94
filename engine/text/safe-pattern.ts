/**
 * Patterns of a tokenizer.json that backtrack without end. A repeated group whose repetitions may be divided in
 * several ways takes exponential time on a text that almost matches, such as `(x+x+)+y`; so what is repeated must
 * be of one length in one way. No tokenizer of the known families has such a group.
 */
import { invalid } from './tokenizer-file.ts';

/** Characters of a pattern; the longest known has some 600. */
export const MAX_PATTERN_CHARS = 8192;
/** Repetitions without a bound in one alternative, each of which may multiply the time by the text's length. */
export const MAX_OPEN_REPEATS = 4;

interface Group {
  /** Whether what is inside can match in several lengths or ways. */
  isLoose: boolean;
  /** Unbounded repetitions of the alternative that is read. */
  nOpen: number;
  /** The most of any alternative before. */
  mostOpen: number;
}

const QUANTIFIER = /[*+?]|\{(\d+)(,(\d*))?\}/y;

/** @throws {EngineError} E_TOKENIZER_INVALID */
export function checkPattern(pattern: string, where: string): void {
  if (pattern.length > MAX_PATTERN_CHARS)
    throw refuse(where, `at most ${MAX_PATTERN_CHARS} characters`, pattern);
  const open: Group[] = [newGroup()];
  for (let at = 0; at < pattern.length;) {
    const char = pattern[at]!;
    const group = open.at(-1);
    if (group === undefined)
      throw refuse(where, 'groups that are opened before they close', pattern);
    /** The group that has just ended, if one has. */
    let ended: Group | null = null;
    if (char === '(') {
      open.push(newGroup());
      at += /^\(\?(?:[:=!]|<[=!]|[a-z-]+:)?/.exec(pattern.slice(at, at + 16))?.[0].length ?? 1;
      continue;
    }
    if (char === '|') {
      endAlternative(group);
      group.isLoose = true;
      at++;
      continue;
    }
    if (char === ')') {
      endAlternative(group);
      ended = open.pop()!;
      at++;
    } else if (char === '[') at = classEnd(pattern, at);
    else if (char === '\\') at += pattern[at + 2] === '{' ? braceEnd(pattern, at) : 2;
    else at++;
    QUANTIFIER.lastIndex = at;
    const found = QUANTIFIER.exec(pattern);
    const around = open.at(-1);
    if (around === undefined)
      throw refuse(where, 'groups that are opened before they close', pattern);
    if (ended !== null) {
      around.nOpen += ended.mostOpen;
      if (ended.isLoose) around.isLoose = true;
    }
    if (found !== null) {
      const most = mostOf(found);
      if (ended?.isLoose === true && most > 1)
        throw refuse(where, 'repeated groups that match in one way', pattern);
      if (most === Infinity) around.nOpen++;
      if (found[0] !== `{${found[1]}}`) around.isLoose = true;
      at += found[0].length;
      // Lazy or possessive.
      if (pattern[at] === '?' || pattern[at] === '+') at++;
    }
    if (around.nOpen > MAX_OPEN_REPEATS)
      throw refuse(where, `at most ${MAX_OPEN_REPEATS} open repetitions in a row`, pattern);
  }
}

/** The pattern of a row's `pattern`; null for a literal text, or none. */
export function regexOf(json: unknown): string | null {
  if (typeof json !== 'object' || json === null) return null;
  const pattern: unknown = Reflect.get(json, 'Regex');
  return typeof pattern === 'string' ? pattern : null;
}

function newGroup(): Group {
  return { isLoose: false, nOpen: 0, mostOpen: 0 };
}

function endAlternative(group: Group): void {
  group.mostOpen = Math.max(group.mostOpen, group.nOpen);
  group.nOpen = 0;
}

function mostOf([text, least, range, most]: RegExpExecArray): number {
  if (text === '?') return 1;
  if (text === '*' || text === '+') return Infinity;
  if (range === undefined) return Number(least);
  return most === '' || most === undefined ? Infinity : Number(most);
}

/** Index after a class, which may hold others (`[a&&[b]]`). */
function classEnd(pattern: string, start: number): number {
  let depth = 0;
  for (let at = start; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === '[') depth++;
    else if (pattern[at] === ']' && --depth === 0) return at + 1;
  }
  return pattern.length;
}

/** Characters of an escape with braces, such as `\p{L}` or `\x{41}`. */
function braceEnd(pattern: string, start: number): number {
  const end = pattern.indexOf('}', start);
  return (
    (/^\\[pPux]/.test(pattern.slice(start, start + 2)) && end >= 0 ? end + 1 : start + 2) - start
  );
}

function refuse(where: string, expected: string, pattern: string) {
  const shown = JSON.stringify(pattern.slice(0, 60));
  return invalid(
    `tokenizer.json: ${where}; expected ${expected}, got ${shown}. It could take for ever on some texts: ` +
      'use the tokenizer of the original model.',
  );
}

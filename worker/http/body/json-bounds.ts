/**
 * Bounds on the shape of JSON, checked over the text before it is parsed: what is nested without end overflows
 * the stack of whatever walks it, and an object of a million members costs a second in a hash table.
 */
import { EngineError } from '../../../engine/base/errors.ts';

/** Arrays and objects within each other. Schemas compile to 64 levels, and their keywords nest in pairs. */
export const MAX_JSON_DEPTH = 256;
/** Items of one list: more ids than any context has tokens. */
export const MAX_JSON_ITEMS = 524_288;
/** Members of one object. The widest that is used is a schema with thousands of properties. */
export const MAX_JSON_MEMBERS = 16_384;
/** Members of all objects together: more than 1,024 tools of twenty described fields have. */
export const MAX_JSON_ALL_MEMBERS = 131_072;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * One pass without a stack of calls; text that is not JSON passes, or fails, and is refused by its parser.
 * @param where name of the text in errors
 * @throws {EngineError} E_REQUEST_INVALID with the position in `details`
 */
export function checkJsonShape(text: string, where: string): void {
  /** Members and commas of each open object or list. */
  const members = new Uint32Array(MAX_JSON_DEPTH + 1);
  const commas = new Uint32Array(MAX_JSON_DEPTH + 1);
  let depth = 0;
  let nMember = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = stringEnd(text, at);
    } else if (char === OPEN_LIST || char === OPEN_OBJECT) {
      if (++depth > MAX_JSON_DEPTH)
        throw refuse(where, at, `at most ${MAX_JSON_DEPTH} arrays and objects within each other`);
      members[depth] = commas[depth] = 0;
    } else if (char === CLOSE_LIST || char === CLOSE_OBJECT) {
      depth = Math.max(0, depth - 1);
    } else if (char === COLON) {
      if (++members[depth]! > MAX_JSON_MEMBERS)
        throw refuse(where, at, `at most ${MAX_JSON_MEMBERS} members in an object`);
      if (++nMember > MAX_JSON_ALL_MEMBERS)
        throw refuse(where, at, `at most ${MAX_JSON_ALL_MEMBERS} members in all objects together`);
    } else if (char === COMMA && ++commas[depth]! >= MAX_JSON_ITEMS) {
      throw refuse(where, at, `at most ${MAX_JSON_ITEMS} items in a list`);
    }
  }
}

/** Index of the quote that closes the string opened at `start`; the text's length when none does. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let nBackslash = 0;
    while (text.charCodeAt(end - 1 - nBackslash) === BACKSLASH) nBackslash++;
    if (nBackslash % 2 === 0) return end;
  }
  return text.length;
}

function refuse(where: string, offset: number, expected: string): EngineError {
  return new EngineError(
    'E_REQUEST_INVALID',
    `${where}: expected ${expected}, got more at position ${offset}. Send less at once.`,
    { details: { offset } },
  );
}

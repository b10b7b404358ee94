/**
 * Numbers as JSON writes them, within bounds. Digits are bounded so that a model cannot write one
 * number forever, and so that a decimal and the double it becomes lie on the same side of a bound.
 */
import { refuse } from '../build/budget.ts';
import type { Budget } from '../build/budget.ts';
import { choice, EMPTY, literal, repeat, sequence, set } from '../build/expression.ts';
import type { Expression } from '../build/expression.ts';
import { normalize, rangesOf } from '../build/ranges.ts';
import { intersection, textDfa } from '../build/text-dfa.ts';
import type { TextDfa } from '../build/text-dfa.ts';

/** Digits before the point: every integer of that many is exact as a double. */
export const MAX_INTEGER_DIGITS = 15;
export const MAX_FRACTION_DIGITS = 15;
/** Digits of an exponent; numbers with bounds have none. */
const MAX_EXPONENT_DIGITS = 2;
/** Largest `multipleOf`: its automaton has as many states. */
export const MAX_MULTIPLE = 1000;
const BEYOND = 10 ** MAX_INTEGER_DIGITS;

export interface NumberBound {
  readonly value: number;
  readonly exclusive: boolean;
}

export interface NumberLimits {
  readonly integer: boolean;
  readonly min: NumberBound | null;
  readonly max: NumberBound | null;
  /** Positive integers the value is a multiple of. */
  readonly multiples: readonly number[];
}

const DIGIT = set(normalize([[0x30, 0x39]]));
const NONZERO = set(normalize([[0x31, 0x39]]));
const DIGITS = repeat(DIGIT, 0, null);
const NATURAL = choice(literal('0'), sequence(NONZERO, repeat(DIGIT, 0, MAX_INTEGER_DIGITS - 1)));
const SIGN = repeat(literal('-'), 0, 1);
const NEVER = set([]);
const INTEGER = choice(
  literal('0'),
  sequence(SIGN, NONZERO, repeat(DIGIT, 0, MAX_INTEGER_DIGITS - 1)),
);

/** @throws {EngineError} E_REQUEST_INVALID when bounds lie beyond the digits, or past the budget */
export function numberDfa(limits: NumberLimits, budget: Budget): TextDfa {
  const { min, max, multiples } = limits;
  const integer = limits.integer || multiples.length > 0;
  const bounded = min !== null || max !== null;
  let dfa = textDfa(integer ? INTEGER : decimal(fractionDigits(limits), !bounded), budget);
  if (min !== null && min.value > -BEYOND)
    dfa = intersection(dfa, textDfa(atLeast(readBound(min, budget)), budget), budget);
  if (max !== null && max.value < BEYOND)
    dfa = intersection(dfa, textDfa(atMost(readBound(max, budget)), budget), budget);
  for (const multiple of multiples) dfa = intersection(dfa, multiplesDfa(multiple), budget);
  return dfa;
}

function decimal(fraction: number, exponent: boolean): Expression {
  const tail = sequence(
    set(rangesOf('eE')),
    repeat(set(rangesOf('+-')), 0, 1),
    repeat(DIGIT, 1, MAX_EXPONENT_DIGITS),
  );
  const point = fraction === 0 ? EMPTY : repeat(fractionOf(repeat(DIGIT, 1, fraction)), 0, 1);
  return sequence(SIGN, NATURAL, point, exponent ? repeat(tail, 0, 1) : EMPTY);
}

function fractionOf(digits: Expression): Expression {
  return sequence(literal('.'), digits);
}

/** Next to an exclusive bound, only as many digits as a double can tell apart. */
function fractionDigits({ min, max }: NumberLimits): number {
  const exclusive = [min, max].filter((bound) => bound?.exclusive === true);
  const longest = Math.max(0, ...exclusive.map((bound) => plainDigits(bound!.value).whole.length));
  return Math.max(0, MAX_FRACTION_DIGITS - longest);
}

interface Magnitude {
  readonly negative: boolean;
  readonly whole: string;
  /** Without trailing zeros. */
  readonly fraction: string;
  readonly exclusive: boolean;
}

function readBound({ value, exclusive }: NumberBound, budget: Budget): Magnitude {
  const { whole, fraction } = plainDigits(Math.abs(value));
  if (whole.length > MAX_INTEGER_DIGITS || fraction.length > MAX_FRACTION_DIGITS)
    throw refuse(
      budget.param,
      `a bound of ${value} has too many digits`,
      `Use at most ${MAX_INTEGER_DIGITS} digits before and after the point.`,
    );
  return { negative: value < 0, whole, fraction, exclusive };
}

/** Digits of a double's shortest form, without exponent. */
function plainDigits(value: number): { readonly whole: string; readonly fraction: string } {
  const [mantissa = '0', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point <= 0) return { whole: '0', fraction: '0'.repeat(-point) + digits };
  return {
    whole: digits
      .slice(0, point)
      .padEnd(point, '0')
      .replace(/^0+(?=\d)/, ''),
    fraction: digits.slice(point).replace(/0+$/, ''),
  };
}

function atLeast(bound: Magnitude): Expression {
  if (!bound.negative) return magnitudeAtLeast(bound);
  return choice(sequence(NATURAL, anyFraction()), sequence(literal('-'), magnitudeAtMost(bound)));
}

function atMost(bound: Magnitude): Expression {
  const minus = literal('-');
  if (bound.negative) return sequence(minus, magnitudeAtLeast(bound));
  const isBelowZero = bound.exclusive && bound.whole === '0' && bound.fraction === '';
  if (isBelowZero) return sequence(minus, magnitudeAtLeast(bound));
  return choice(sequence(minus, NATURAL, anyFraction()), magnitudeAtMost(bound));
}

function anyFraction(): Expression {
  return repeat(fractionOf(repeat(DIGIT, 1, null)), 0, 1);
}

function magnitudeAtMost({ whole, fraction, exclusive }: Magnitude): Expression {
  const ways: Expression[] = [sequence(naturalsBelow(whole), anyFraction())];
  const same = literal(whole);
  if (fraction !== '' || !exclusive) ways.push(same);
  const prefix = (length: number) => literal(fraction.slice(0, length));
  for (let i = 0; i < fraction.length; i++) {
    const less = digitsBetween('0', fraction[i]!, false, true);
    ways.push(sequence(same, fractionOf(sequence(prefix(i), less, DIGITS))));
    if (i > 0) ways.push(sequence(same, fractionOf(prefix(i))));
  }
  const zeros = repeat(literal('0'), fraction === '' ? 1 : 0, null);
  if (!exclusive) ways.push(sequence(same, fractionOf(sequence(literal(fraction), zeros))));
  return choice(...ways);
}

function magnitudeAtLeast({ whole, fraction, exclusive }: Magnitude): Expression {
  const ways: Expression[] = [sequence(naturalsAbove(whole), anyFraction())];
  const same = literal(whole);
  if (fraction === '' && !exclusive) ways.push(sequence(same, anyFraction()));
  for (let i = 0; i < fraction.length; i++) {
    const more = digitsBetween(fraction[i]!, '9', true, false);
    ways.push(sequence(same, fractionOf(sequence(literal(fraction.slice(0, i)), more, DIGITS))));
  }
  const beyond = exclusive ? sequence(DIGITS, NONZERO, DIGITS) : DIGITS;
  if (fraction !== '' || exclusive)
    ways.push(sequence(same, fractionOf(sequence(literal(fraction), beyond))));
  return choice(...ways);
}

/** Natural numbers less than `bound`, written without leading zeros. */
function naturalsBelow(bound: string): Expression {
  const ways: Expression[] = [];
  const length = bound.length;
  if (length > 1) ways.push(literal('0'), sequence(NONZERO, repeat(DIGIT, 0, length - 2)));
  for (let i = 0; i < length; i++) {
    const least = i === 0 && length > 1 ? '1' : '0';
    const less = digitsBetween(least, bound[i]!, false, true);
    const tail = repeat(DIGIT, length - i - 1, length - i - 1);
    ways.push(sequence(literal(bound.slice(0, i)), less, tail));
  }
  return choice(...ways);
}

function naturalsAbove(bound: string): Expression {
  const length = bound.length;
  const ways: Expression[] = [];
  if (length < MAX_INTEGER_DIGITS)
    ways.push(sequence(NONZERO, repeat(DIGIT, length, MAX_INTEGER_DIGITS - 1)));
  for (let i = 0; i < length; i++) {
    const more = digitsBetween(bound[i]!, '9', true, false);
    const tail = repeat(DIGIT, length - i - 1, length - i - 1);
    ways.push(sequence(literal(bound.slice(0, i)), more, tail));
  }
  return choice(...ways);
}

function digitsBetween(
  from: string,
  to: string,
  exclusiveFrom: boolean,
  exclusiveTo: boolean,
): Expression {
  const low = from.charCodeAt(0) + (exclusiveFrom ? 1 : 0);
  const high = to.charCodeAt(0) - (exclusiveTo ? 1 : 0);
  return low > high ? NEVER : set(normalize([[low, high]]));
}

/** Integers that `multiple` divides: states are remainders of what was read. */
function multiplesDfa(multiple: number): TextDfa {
  const digitEdges = (remainder: number) =>
    Array.from({ length: 10 }, (_, digit) => [
      0x30 + digit,
      0x30 + digit,
      2 + ((remainder * 10 + digit) % multiple),
    ]).flat();
  const remainders = Array.from({ length: multiple }, (_, remainder) => remainder);
  return {
    // 0: nothing read, 1: a sign, 2 + r: remainder r.
    edges: [[0x2d, 0x2d, 1, ...digitEdges(0)], digitEdges(0), ...remainders.map(digitEdges)],
    accepting: [false, false, ...remainders.map((remainder) => remainder === 0)],
  };
}

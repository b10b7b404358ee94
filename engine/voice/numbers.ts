/** English names of numbers. Texts in, since 0.10 and 007 are not plain numbers. */

const ONES = [
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
  ...['ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen'],
  ...['seventeen', 'eighteen', 'nineteen'],
] as const;
const TENS = [
  ...['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'],
] as const;
/** Names of powers of a thousand; longer numbers are read digit by digit. */
const GROUPS = ['', 'thousand', 'million', 'billion', 'trillion', 'quadrillion'] as const;
const MAX_DIGITS = 3 * GROUPS.length;

const IRREGULAR_ORDINALS: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};

/** "1024" -> "one thousand twenty-four". Leading zeros and very long numbers digit by digit. */
export function cardinal(digits: string): string {
  if (digits.length > MAX_DIGITS || (digits.length > 1 && digits.startsWith('0')))
    return digitByDigit(digits);
  if (Number(digits) === 0) return 'zero';
  const groups: string[] = [];
  for (let end = digits.length, i = 0; end > 0; end -= 3, i++) {
    const value = Number(digits.slice(Math.max(0, end - 3), end));
    if (value > 0) groups.unshift(`${hundreds(value)} ${GROUPS[i]}`.trim());
  }
  return groups.join(' ');
}

export function digitByDigit(digits: string): string {
  return Array.from(digits, (digit) => ONES[Number(digit)] ?? '').join(' ');
}

function hundreds(value: number): string {
  const parts: string[] = [];
  if (value >= 100) parts.push(`${ONES[Math.floor(value / 100)]} hundred`);
  const rest = value % 100;
  if (rest >= 20)
    parts.push(
      rest % 10 === 0 ? TENS[rest / 10]! : `${TENS[Math.floor(rest / 10)]}-${ONES[rest % 10]}`,
    );
  else if (rest > 0) parts.push(ONES[rest]!);
  return parts.join(' ');
}

/** "21" -> "twenty-first". */
export function ordinal(digits: string): string {
  const words = cardinal(digits);
  const [, before = '', last = ''] = /^(.*?)([a-z]+)$/.exec(words) ?? [];
  const irregular = IRREGULAR_ORDINALS[last];
  if (irregular !== undefined) return before + irregular;
  return before + (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`);
}

/** "3.14" -> "three point one four". */
export function decimal(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const words = cardinal(whole === '' ? '0' : whole);
  return fraction === undefined || fraction === ''
    ? words
    : `${words} point ${digitByDigit(fraction)}`;
}

/** "1984" -> "nineteen eighty-four", "2005" -> "two thousand five", "1900" -> "nineteen hundred". */
export function year(digits: string): string {
  const value = Number(digits);
  const isPlain = digits.length !== 4 || value % 1000 < 10 || value < 1000;
  if (isPlain) return cardinal(digits);
  const [century, rest] = [digits.slice(0, 2), digits.slice(2)];
  if (rest === '00') return `${cardinal(century)} hundred`;
  const tail = rest.startsWith('0') ? `oh ${ONES[Number(rest)]}` : cardinal(rest);
  return `${cardinal(century)} ${tail}`;
}

/** Whole numbers a person would not call "1": for singular and plural. */
export const isOne = (digits: string): boolean => /^0*1$/.test(digits);

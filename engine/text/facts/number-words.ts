/** English number words: "twelve", "twenty-five", "three hundred and five thousand". */

const SMALL = (
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen ' +
  'fifteen sixteen seventeen eighteen nineteen'
).split(' ');
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const ORDINALS = (
  'third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth ' +
  'fifteenth sixteenth seventeenth eighteenth nineteenth twentieth'
).split(' ');
const SCALES: Readonly<Record<string, number>> = { thousand: 1e3, million: 1e6, billion: 1e9 };

const VALUES: ReadonlyMap<string, number> = new Map([
  ...SMALL.map((word, i): [string, number] => [word, i]),
  ...TENS.map((word, i): [string, number] => [word, (i + 2) * 10]),
]);
const ORDINAL_VALUES: ReadonlyMap<string, number> = new Map(
  ORDINALS.map((word, i): [string, number] => [word, i + 3]),
);

const ONE = [...SMALL, ...TENS, 'hundred', ...Object.keys(SCALES)].join('|');
/** Words that form one number; at most so many, so that a hostile text costs no more. */
export const NUMBER_WORDS = new RegExp(
  `(?<![\\p{L}\\p{N}-])(?:${ONE})(?:(?:[ -]| and )(?:${ONE})){0,12}(?![\\p{L}\\p{N}])`,
  'giu',
);
export const ORDINAL_WORDS = new RegExp(`(?<![\\p{L}-])(?:${ORDINALS.join('|')})(?!\\p{L})`, 'giu');

export function ordinalValue(word: string): number {
  return ORDINAL_VALUES.get(word.toLowerCase()) ?? Number.NaN;
}

/** The number that words form, or null where they form none: "two three". */
export function numberOfWords(words: string): number | null {
  let [total, part] = [0, 0];
  let last = Number.POSITIVE_INFINITY;
  for (const word of words.toLowerCase().split(/[ -]+/)) {
    if (word === 'and') continue;
    const scale = SCALES[word];
    if (scale !== undefined) {
      total += Math.max(part, 1) * scale;
      [part, last] = [0, Number.POSITIVE_INFINITY];
    } else if (word === 'hundred') {
      part = Math.max(part, 1) * 100;
      last = 100;
    } else {
      const value = VALUES.get(word) ?? 0;
      const fits = last === Number.POSITIVE_INFINITY || last === 100 || (last >= 20 && value < 10);
      if (!fits) return null;
      part += value;
      last = value < 20 ? 0 : value;
    }
  }
  return total + part;
}

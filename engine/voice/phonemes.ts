/**
 * Words to phonemes as the voice was trained on them (espeak's en-us): the stress mark right before
 * the vowel, long vowels with a length mark, t between vowels tapped. A dictionary gives the words'
 * sounds in another notation; the tables here translate it.
 */

/** A pronunciation dictionary with rules for words it lacks. */
export interface Pronouncer {
  tagWord(word: string, context?: { prev?: string; next?: string }): { pos: string };
  /** IPA with stress marks before syllables. */
  predict(word: string, language?: string, pos?: string): string | null;
}

/** Unstressed forms inside a sentence, where the dictionary has only the strong form. */
const WEAK: Readonly<Record<string, string>> = {
  a: 'ɐ',
  an: 'ɐn',
  the: 'ðə',
  and: 'ænd',
  or: 'ɔːɹ',
  of: 'ʌv',
  to: 'tə',
  in: 'ɪn',
  on: 'ɔn',
  at: 'æt',
  as: 'æz',
  for: 'fɔːɹ',
  from: 'fɹʌm',
  by: 'baɪ',
  with: 'wɪð',
  is: 'ɪz',
  are: 'ɑːɹ',
  was: 'wʌz',
  were: 'wɜː',
  be: 'biː',
  been: 'bɪn',
  am: 'æm',
  has: 'hæz',
  have: 'hæv',
  had: 'hæd',
  it: 'ɪt',
  its: 'ɪts',
  he: 'hiː',
  she: 'ʃiː',
  we: 'wiː',
  you: 'juː',
  they: 'ðeɪ',
  i: 'aɪ',
  his: 'hɪz',
  her: 'hɜː',
  their: 'ðɛɹ',
  my: 'maɪ',
  your: 'jʊɹ',
  our: 'aʊɚ',
  us: 'ʌs',
  him: 'hɪm',
  them: 'ðɛm',
  me: 'miː',
  can: 'kæn',
  could: 'kʊd',
  will: 'wɪl',
  would: 'wʊd',
  shall: 'ʃæl',
  should: 'ʃʊd',
  if: 'ɪf',
  than: 'ðæn',
  that: 'ðæt',
  so: 'soʊ',
  but: 'bʌt',
  into: 'ɪntʊ',
  what: 'wʌt',
  when: 'wɛn',
  where: 'wɛɹ',
  then: 'ðɛn',
  do: 'duː',
  does: 'dʌz',
};

/** Corrections of the dictionary for words that normalisation makes, or that are frequent. */
const OWN: Readonly<Record<string, string>> = {
  ay: 'ˈeɪ',
  new: 'nˈuː',
  knew: 'nˈuː',
  "don't": 'dˈoʊnt',
  "won't": 'wˈoʊnt',
  thirteen: 'θɜːtˈiːn',
  fourteen: 'fɔːɹtˈiːn',
  fifteen: 'fɪftˈiːn',
  sixteen: 'sɪkstˈiːn',
  seventeen: 'sɛvəntˈiːn',
  eighteen: 'eɪtˈiːn',
  nineteen: 'naɪntˈiːn',
  thirty: 'θˈɜːɾi',
  ninety: 'nˈaɪnti',
  hundred: 'hˈʌndɹəd',
  thousand: 'θˈaʊzənd',
  quarter: 'kwˈɔːɹɾɚ',
  quarters: 'kwˈɔːɹɾɚz',
};

const VOWELS = 'aiɪeɛæɑɔoʊuʌəɐɚɜ';
const VOWEL = new RegExp(`[${VOWELS}]`);
const STRESS = /[ˈˌ]/;

const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/ɫ/g, 'l'],
  [/g/g, 'ɡ'],
  [/r/g, 'ɹ'],
  [/ɑ(?!ː)/g, 'ɑː'],
  [/ɔ(?![ɪː])/g, 'ɔː'],
];

/** IPA of one word, in the voice's notation. */
function respell(ipa: string, isStressed: boolean): string {
  const marked = STRESS.test(ipa) || !isStressed ? ipa : `ˈ${ipa}`;
  let out = marked;
  for (const [pattern, replacement] of SPELLINGS) out = out.replaceAll(pattern, replacement);
  // Stress marks go right before their vowel.
  out = out.replaceAll(new RegExp(`([ˈˌ])([^${VOWELS}ˈˌɝ]*)(?=[${VOWELS}ɝ])`, 'g'), '$2$1');
  out = out.replaceAll(/([ˈˌ])ɝ/g, '$1ɜː').replaceAll('ɝ', 'ɚ');
  out = out.replaceAll(/([ˈˌ])i(?!ː)/g, '$1iː').replaceAll(/([ˈˌ])u(?!ː)/g, '$1uː');
  // Long in closed unstressed syllables, too; short at the end ("happy").
  out = out.replaceAll(/u(?!ː)(?=[^ˈˌ]|$)/g, 'uː');
  return tapT(out);
}

/** "water": a t between a vowel (or ɹ) and an unstressed vowel. */
function tapT(ipa: string): string {
  return ipa.replaceAll(new RegExp(`(?<=[${VOWELS}ɹː])t(?=[${VOWELS}])`, 'g'), 'ɾ');
}

/**
 * A normalised piece as phonemes: words separated by spaces, punctuation kept.
 * Words without a pronunciation (none after normalisation) are left out.
 */
export function toPhonemes(piece: string, pronouncer: Pronouncer): string {
  const tokens = piece.match(/[\p{L}']+|[.,;:!?]/gu) ?? [];
  const out: string[] = [];
  tokens.forEach((token, i) => {
    if (/^[.,;:!?]$/.test(token)) {
      if (out.length > 0) out[out.length - 1] += token;
      return;
    }
    const isLast = !tokens.slice(i + 1).some((other) => /\p{L}/u.test(other));
    const word = wordPhonemes(token, tokens[i - 1], tokens[i + 1], isLast, pronouncer);
    if (word !== '') out.push(word);
  });
  return out.join(' ');
}

function wordPhonemes(
  token: string,
  prev: string | undefined,
  next: string | undefined,
  isLast: boolean,
  pronouncer: Pronouncer,
): string {
  const word = token.toLowerCase();
  const weak = Object.hasOwn(WEAK, word) ? WEAK[word] : undefined;
  // At the end of a piece they carry its stress.
  if (weak !== undefined && !isLast) return beforeVowel(word, weak, next, pronouncer);
  const own = Object.hasOwn(OWN, word) ? OWN[word] : undefined;
  if (own !== undefined) return own;
  const context = {
    ...(prev === undefined ? {} : { prev }),
    ...(next === undefined ? {} : { next }),
  };
  const { pos } = pronouncer.tagWord(word, context);
  const ipa = pronouncer.predict(word, 'en-US', pos) ?? '';
  return VOWEL.test(ipa) || ipa.includes('ɝ') ? respell(ipa, true) : respell(ipa, false);
}

/** "the" and "to" before a vowel. */
function beforeVowel(
  word: string,
  weak: string,
  next: string | undefined,
  pronouncer: Pronouncer,
): string {
  if (next === undefined || !/^\p{L}/u.test(next) || !(word === 'the' || word === 'to'))
    return weak;
  const sound = (pronouncer.predict(next.toLowerCase(), 'en-US') ?? '').replaceAll(/[ˈˌ]/g, '');
  if (!VOWEL.test(sound[0] ?? '')) return weak;
  return word === 'the' ? 'ðɪ' : 'tʊ';
}

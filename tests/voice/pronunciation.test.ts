/** What is said of what is written; texts that say nothing; texts that are meant to hurt. */
import { describe, expect, test } from 'vitest';
import { EnglishG2P } from '../../dist/phonemes/english-g2p.mjs';
import { dictionaryObject, lookUp, packDictionary } from '../../engine/voice/packed-dictionary.ts';
import { phonemeIds } from '../../engine/voice/phoneme-ids.ts';
import { toPhonemes } from '../../engine/voice/phonemes.ts';
import { spokenPieces } from '../../engine/voice/sentences.ts';

const said = (text: string): string =>
  spokenPieces(text)
    .map((piece) => piece.text)
    .join(' | ');

test.each([
  ['3 apples, 21 pears', 'three apples, twenty one pears'],
  ['1,234,567', 'one million two hundred thirty four thousand five hundred sixty seven'],
  ['0.05 and -3.14', 'zero point zero five and minus three point one four'],
  ['agent 007', 'agent zero zero seven'],
  ['the 1st, 2nd, 3rd, 12th and 20th', 'the first, second, third, twelfth and twentieth'],
  ['on 2024-02-29', 'on February twenty ninth, twenty twenty four'],
  ['on 1/31/1999', 'on January thirty first, nineteen ninety nine'],
  ['Jan 3rd, 2005', 'January third, two thousand five'],
  ['3 March 1984', 'March third, nineteen eighty four'],
  ['in 1900 and in 1907', 'in nineteen hundred and in nineteen oh seven'],
  ['the 1990s', 'the nineteen nineties'],
  ['at 5:30 p.m. or 17:05', 'at five thirty pee em or seventeen oh five'],
  ['at 12:00, at 9am', "at twelve o'clock, at nine ay em"],
  ['$3.50, $1, $0.99', 'three dollars and fifty cents, one dollar, ninety nine cents'],
  ['€1,200 or 5£', 'one thousand two hundred euros or five pounds'],
  ['$5 million', 'five million dollars'],
  ['50%, 2.5 %', 'fifty percent, two point five percent'],
  ['5 km/h, 1 kg, 21°C', 'five kilometers per hour, one kilogram, twenty one degrees Celsius'],
  ['1/2 cup, 2/3', 'one half cup, two thirds'],
  ['10-20 people, 1990-1995', 'ten to twenty people, nineteen ninety to nineteen ninety five'],
  ['call 555-1234', 'call five five five, one two three four'],
  ['v1.2.3', 'one point two point three'],
  ['Dr. Smith met Mrs. Jones.', 'Doctor Smith met Missus Jones.'],
  ['St. James St. is long', 'Saint James Street is long'],
  ['e.g. cats, i.e. pets', 'for example cats, that is pets'],
  ['the USA, the U.S.A. and NASA', 'the you ess ay, the you ess ay and nasa'],
  ['two CPUs', 'two see pee yous'],
  ['WHAT ARE YOU DOING HERE', 'what are you doing here'],
  ['see https://example.com/a1?b=c.', 'see example dot com slash a one question mark b equals c.'],
  ['mail jo_b@example.org', 'mail jo underscore b at example dot org'],
  ['A & B + C = D', 'A and B plus C equals D'],
  ['café, naïve', 'cafe, naive'],
  ['ﬁne ①', 'fine one'],
  ['I ❤️ it 👩‍👩‍👧 a lot 🇫🇷!', 'I it a lot!'],
  ['a\u0000b\u0007 c\u202Ed', 'a b c d'],
  ['<speak>Hi <break time="1s"/>there</speak>', 'Hi there'],
  ['if 3 < 5 then', 'if three less than five then'],
  [
    '# Title\n\nSome **bold** `code` and [a link](https://x.org)',
    'Title | Some bold code and a link',
  ],
  ['- one\n- two', 'one | two'],
  ['Wait... what?! Yes!!!', 'Wait. | what! | Yes!'],
  ['"Quoted," she said. \'Yes\'', 'Quoted, she said. | Yes'],
])('%j', (text, expected) => {
  expect(said(text)).toBe(expected);
});

test.each([
  '',
  ' \n\t',
  '😀😀🎉',
  '\u0000\u0001\u0002',
  '...!?',
  '你好',
  '<b></b>',
  '***',
  '\uD800',
])('nothing is said of %j', (text) => {
  expect(spokenPieces(text)).toEqual([]);
});

describe('cut into pieces', () => {
  test('at sentences, long ones at pauses', () => {
    const long = `${'a few words, '.repeat(40)}and the end. Next.`;
    const pieces = spokenPieces(long);
    expect(pieces.every(({ text }) => text.length <= 220)).toBe(true);
    expect(pieces.at(-1)).toEqual({ text: 'Next.', isSentenceEnd: true, isParagraphEnd: true });
    expect(pieces.filter(({ isSentenceEnd }) => isSentenceEnd)).toHaveLength(2);
    expect(pieces.map(({ text }) => text).join(' ')).toBe(long);
  });

  test('the first is short', () => {
    const [first] = spokenPieces(`When it was over at last, ${'nobody said a word '.repeat(8)}.`);
    expect(first?.text).toBe('When it was over at last,');
  });
});

/** What a machine may send. They have to end, and what comes out has to stay in proportion. */
const HOSTILE = [
  ...[
    'a',
    '1',
    '<',
    '_*',
    '$1,',
    '1.',
    'A.',
    'a@',
    '[a](',
    'http://',
    "' ",
    '-1/',
    'Dr. ',
    '1:',
    '&lt;',
  ],
  ...['<a', '#', '\n', '- ', '`', '(555) ', '1/', '€', '\u0301', '👩‍', 'é'],
];
test.each(HOSTILE)('%j over and over', (part) => {
  const pronouncer = new EnglishG2P();
  const text = part.repeat(Math.floor(4096 / part.length));
  const phonemes = spokenPieces(text).map((piece) => toPhonemes(piece.text, pronouncer));
  expect(phonemes.join('').length).toBeLessThan(60_000);
});

describe('phonemes', () => {
  const pronouncer = new EnglishG2P();

  test.each([
    ['Hello world.', 'həlˈoʊ wˈɜːld.'],
    ['The lazy dog sleeps.', 'ðə lˈeɪzi dˈɑːɡ slˈiːps.'],
    ['the old way to eat', 'ðɪ ˈoʊld wˈeɪ tʊ ˈiːt'],
    ['butter, water', 'bˈʌɾɚ, wˈɔːɾɚ'],
    ["I don't know, do you?", 'aɪ dˈoʊnt nˈoʊ, duː jˈuː?'],
    ['nineteen thirty', 'naɪntˈiːn θˈɜːɾi'],
  ])('%s', (text, expected) => {
    expect(toPhonemes(text, pronouncer)).toBe(expected);
  });

  test('a word nobody knows has some', () => {
    expect(toPhonemes('blorptastic', pronouncer)).toMatch(/^bl.*ˈ/);
  });

  test('as ids, with pads between', () => {
    const ids = { _: 0, '^': 1, $: 2, ' ': 3, a: 14, b: 15 };
    expect(phonemeIds('ab ☃a', ids)).toEqual([1, 0, 14, 0, 15, 0, 3, 0, 14, 0, 2]);
  });
});

test('a packed dictionary gives back every word and no other', () => {
  const entries = { a: 'ə', ab: 'æb', abc: 'ˈæbk', b: 'bˈi', zebra: 'zˈibɹə' };
  const packed = packDictionary(entries);
  for (const [word, ipa] of Object.entries(entries)) expect(lookUp(packed, word)).toBe(ipa);
  for (const word of ['', 'aa', 'abcd', 'c', 'zz', 'zebr', '\n', 'a\t'])
    expect(lookUp(packed, word)).toBeUndefined();
  const object = dictionaryObject(packed);
  expect([object['ab'], 'b' in object, object['missing']]).toEqual(['æb', true, undefined]);
});

/** 1,000 deterministic strings on which tokenizers like to disagree. */
import { seededRandom } from './random.ts';

const LONG_CHARS = 100_000;

/** Alphabets from which random strings are drawn; each is a string of whole characters. */
const ALPHABETS: Readonly<Record<string, string>> = {
  letters: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ   ',
  code: 'abcxyz_01239(){}[]<>;:=+-*/&|!?.,"\'`#@$%^~\\ \n\t\r',
  digits: '0123456789 .,-+eE%',
  otherDigits: '٠١٢٣٤٥٦٧٨٩०१२३४५६७८९０１２３½¼²³①②Ⅷ〇 a',
  accents: 'àéîõüßçñøåæœÅÉÎÖÜłžčřđ  ',
  combining: 'aeiou\u0301\u0300\u0302\u0308\u0327\u0336\u20dd\u0323 ',
  cjk: '中文日本語漢字かなカナ한국어。、「」！？　',
  arabic: 'العربيةفارسیاردو\u064b\u064c\u064d\u200c\u200f ،؟',
  indic: 'हिन्दीবাংলাதமிழ்తెలుగు\u200d ।',
  thai: 'ภาษาไทยลาว ๑๒๓',
  cyrillicGreek: 'АБВгдежзийклмнёЁΑΒΓαβγδεζ ;·',
  hebrew: 'עבריתשלוםעולם\u05b0\u05b1 ',
  emoji: '😀😂🤖👍🏽❤️🇫🇷🇯🇵👨👩👧\u200d\ufe0f🏳️🌈🧑🚀 ',
  symbols: '€£¥₿™®©°±×÷≠≤≥∞∑∫√→←↔⇒✓✗★☆■□◆●',
  spaces: ' \u00a0\u2003\u2009\u200b\u3000\ufeff\u0085\u2028\u2029\t\n\r\v\fab',
  controls: '\u0000\u0001\u0007\u001b\u007f\u0080\u009fab ',
  rareLetters: '𝔸𝕓𝒞𝓓𐍈𐎀𓀀ꙮǅʰªº\u2071ⅷ ',
  privateUse: '\ue000\uf8ff\ufdd0\ufffe\uffff\u{10ffff}x ',
  surrogates: '\ud800\udbff\udc00\udfffab é',
};

const SPECIAL_LITERALS = [
  '<|im_start|>',
  '<|im_end|>',
  '<|endoftext|>',
  '<repo_name>',
  '<file_sep>',
  '<|im_',
  '|>',
  '<|',
];

const FIXED: readonly string[] = [
  '',
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\t',
  '\t\tx',
  ' x',
  'x ',
  'a\r\nb\r\n\r\nc',
  'Hello, world!',
  "I'm you're he'll we'd they've it's DON'T I'M",
  'function f(x) {\n\treturn x ** 2; // square\n}\n',
  'def f(x):\n    return {"a": [1, 2, 3], \'b\': x}\n\n\n',
  '#include <stdio.h>\r\nint main(void) { printf("%d\\n", 42); }\r\n',
  "SELECT * FROM t WHERE a >= 10 AND b <> 'x';",
  'http://example.com/path?q=1&r=%20#frag user@example.org',
  '3.14159 1,000,000 1e-10 0xFF 2026-11-23T16:20:00Z',
  '👨‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 skin, 🇫🇷 country, 1️⃣ keycap',
  'e\u0301 vs é, n\u0303, Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢',
  '日本語のテキスト。中文文本，한국어 텍스트.',
  'مرحبا بالعالم، كيف حالك؟',
  'नमस्ते दुनिया',
  'Ελληνικά και Кириллица',
  '\ud800',
  '\udc00',
  'a\ud83d',
  '\udc00\ud800 both ways',
  '\ufeffbyte order mark',
  'zero\u0000byte',
  'soft\u00adhyphen nb\u00a0space zero\u200bwidth',
  'a'.repeat(LONG_CHARS),
  ' '.repeat(LONG_CHARS),
  `${' '.repeat(LONG_CHARS)}x`,
  '\n'.repeat(LONG_CHARS),
  '7'.repeat(LONG_CHARS),
  'word '.repeat(LONG_CHARS / 5),
  '😀'.repeat(LONG_CHARS / 4),
  '漢'.repeat(LONG_CHARS / 4),
  '<|im_end|>'.repeat(LONG_CHARS / 10),
  '{"key": [1, 2.5, "v"]}, '.repeat(LONG_CHARS / 24),
];

export function tokenizerStrings(count = 1000, seed = 20260): string[] {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const alphabets = Object.values(ALPHABETS).map(splitChars);
  const strings = [...FIXED];
  while (strings.length < count) {
    const length = Math.floor(random() ** 3 * 300);
    const first = pick(alphabets);
    const second = pick(alphabets);
    let text = '';
    for (let i = 0; i < length; i++) {
      const kind = random();
      if (kind < 0.02) text += pick(SPECIAL_LITERALS);
      else text += pick(kind < 0.7 ? first : second);
    }
    strings.push(text);
  }
  return strings.slice(0, count);
}

/** By code point, so that emoji stay whole and lone surrogates stay alone. */
function splitChars(alphabet: string): string[] {
  return [...alphabet];
}

/** Texts that are costly to cut into tokens. */
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';

/** What /tokenize takes at most. */
const CHARS = 1_000_000;

/** By name, a text of about CHARS characters, ASCII unless it says otherwise. */
const LONG_TEXTS: Readonly<Record<string, () => string>> = {
  'one-letter': () => 'a'.repeat(CHARS),
  letters: () => 'abcdefghijklmnopqrstuvwxyz'.repeat(CHARS / 26),
  spaces: () => ' '.repeat(CHARS),
  'line-breaks': () => '\n'.repeat(CHARS),
  'spaces-and-breaks': () => ' \n'.repeat(CHARS / 2),
  digits: () => '7'.repeat(CHARS),
  apostrophes: () => "'".repeat(CHARS),
  marks: () => '!?'.repeat(CHARS / 2),
  emoji: () => '\u{1f600}'.repeat(CHARS / 2),
  'combining-marks': () => 'a\u0301'.repeat(CHARS / 2),
  'only-combining-marks': () => '\u0301\u0323'.repeat(CHARS / 2),
  cjk: () => '\u6f22\u5b57'.repeat(CHARS / 2),
  'lone-surrogates': () => '\ud800'.repeat(CHARS),
  'special-tokens': () => '<|im_start|>'.repeat(CHARS / 12),
  words: () => 'The quick brown fox jumps over the lazy dog. '.repeat(CHARS / 45),
};

export const TEXTS: readonly Attack[] = [
  ...Object.entries(LONG_TEXTS).map(([name, make]) =>
    bodyAttack({
      name: `tokenize-${name}`,
      what: '1 MB of text to /tokenize',
      path: '/tokenize',
      body: () => ({ text: make(), parse_special: name === 'special-tokens' }),
    }),
  ),
  bodyAttack({
    name: 'detokenize-many',
    what: 'a million ids to /detokenize',
    path: '/detokenize',
    body: () => ({ tokens: new Array<number>(1_000_000).fill(72) }),
  }),
  bodyAttack({
    name: 'chat-one-letter',
    what: '4 MB of one letter as a message',
    path: '/v1/chat/completions',
    body: () => ({ messages: [{ role: 'user', content: 'a'.repeat(4_000_000) }], max_tokens: 1 }),
  }),
  bodyAttack({
    name: 'completion-one-letter',
    what: '4 MB of one letter as a prompt',
    path: '/v1/completions',
    body: () => ({ prompt: 'a'.repeat(4_000_000), max_tokens: 1 }),
  }),
  bodyAttack({
    name: 'completion-many-prompts',
    what: '2,000 prompts in one request',
    path: '/v1/completions',
    body: () => ({ prompt: new Array<string>(2000).fill('a'), max_tokens: 1 }),
  }),
];

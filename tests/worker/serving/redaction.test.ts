/** Redaction: what is found and what is not, placeholders and back, and how the time grows. */
import { describe, expect, test } from 'vitest';
import { REDACTION_KIND_NAMES, REDACTION_KINDS } from '../../../worker/serving/redaction/kinds.ts';
import type { RedactionKind } from '../../../worker/serving/redaction/kinds.ts';
import { MAX_REDACTED, Redactor } from '../../../worker/serving/redaction/redactor.ts';
import { Restorer, restoreOutput } from '../../../worker/serving/redaction/restore-output.ts';
import type { Delta } from '../../../worker/serving/generation/run-generation.ts';
import { personalText } from '../../support/personal-data.ts';
import { seededRandom } from '../../support/random.ts';

const find = (kind: RedactionKind, text: string): string[] =>
  Array.from(REDACTION_KINDS[kind].find(text), ({ start, end }) => text.slice(start, end));

const FOUND: readonly (readonly [RedactionKind, string, readonly string[]])[] = [
  ['email', 'to (ada.l+x@mail.example.co.uk), <b@c.de>.', ['ada.l+x@mail.example.co.uk', 'b@c.de']],
  ['email', 'a@b @home x@y.z1 a@@b.com', []],
  [
    'phone',
    '+44 20 7946 0958, (212) 555-0123, 212.555.0199',
    ['+44 20 7946 0958', '(212) 555-0123', '212.555.0199'],
  ],
  ['phone', '01 23 45 67 89 or 0049 30 1234567', ['01 23 45 67 89', '0049 30 1234567']],
  ['phone', 'call me at 5550123', ['5550123']],
  ['phone', '2024-03-15, 1,234,567.89, 01.02.2024, 12:30:45, 5550123', []],
  ['card', '4111 1111 1111 1111 and 378282246310005', ['4111 1111 1111 1111', '378282246310005']],
  ['card', '4111 1111 1111 1112, 1234567890123456', []],
  [
    'iban',
    'GB82 WEST 1234 5698 7654 32; DE89370400440532013000',
    ['GB82 WEST 1234 5698 7654 32', 'DE89370400440532013000'],
  ],
  ['iban', 'GB82 WEST 1234 5698 7654 33, XX12 3456', []],
  [
    'national_id',
    '078-05-1120, 943 476 5919, 12345678Z, X1234567L',
    ['078-05-1120', '943 476 5919', '12345678Z', 'X1234567L'],
  ],
  [
    'national_id',
    'BSN 111222333, 529.982.247-25, 86095742719',
    ['111222333', '529.982.247-25', '86095742719'],
  ],
  ['national_id', '000-12-3456, 666-12-3456, 943 476 5918, 12345678A, 111222333', []],
  [
    'ip',
    '192.168.0.1, [2001:db8::1], ::ffff:10.0.0.1.',
    ['192.168.0.1', '2001:db8::1', '::ffff:10.0.0.1'],
  ],
  ['ip', 'v1.2.3.4, 256.1.1.1, 1.2.3.4.5, 12:30:45, a::b::c', []],
  ['url_token', 'https://u:p@h.org/?a=1&token=abc.&x=2 and ftp://h/#sig=q', ['u:p', 'abc', 'q']],
  ['url_token', 'https://h.org/?tokens=1&monkey=2', []],
  [
    'secret',
    `sk-${'a1'.repeat(12)}. AKIA${'A1'.repeat(8)}`,
    [`sk-${'a1'.repeat(12)}`, `AKIA${'A1'.repeat(8)}`],
  ],
  ['secret', 'task-1234567890123456789, sk-short', []],
  ['name', "Anna Miller's dog met Dr. Ng and David.", ['Anna Miller', 'Ng', 'David']],
  ['name', 'Will it rain in May? Grace is a virtue; Mark this. Will Smith came.', ['Will Smith']],
];

test.each(FOUND)('%s in %j', (kind, text, values) => {
  expect(find(kind, text).toSorted()).toEqual(values.toSorted());
});

/** At least, of values that were placed and of values that were found (docs/privacy.md has what was measured). */
const LEAST = { precision: 0.97, recall: 0.93 } as const;

test('most of what was placed is found, and little else', async () => {
  const random = seededRandom(15);
  const counts = new Map<RedactionKind, { right: number; placed: number; found: number }>();
  const of = (kind: RedactionKind) => {
    const known = counts.get(kind) ?? { right: 0, placed: 0, found: 0 };
    counts.set(kind, known);
    return known;
  };
  for (let i = 0; i < 2000; i++) {
    const { text, values } = personalText(random);
    const redactor = new Redactor(REDACTION_KIND_NAMES);
    await redactor.redact(text);
    const left = values.map((one) => ({ ...one }));
    for (const { kind } of values) of(kind).placed++;
    for (const [placeholder, value] of redactor.redactions) {
      const kind = REDACTION_KIND_NAMES.find((name) =>
        placeholder.startsWith(`<${REDACTION_KINDS[name].label}_`),
      )!;
      of(kind).found++;
      const at = left.findIndex((one) => one.kind === kind && one.value === value);
      if (at < 0) continue;
      of(kind).right++;
      left.splice(at, 1);
    }
  }
  const all = [...counts.values()];
  const sum = (field: 'right' | 'placed' | 'found') => all.reduce((n, one) => n + one[field], 0);
  const table = Object.fromEntries(
    Array.from(counts, ([kind, { right, placed, found }]) => [
      kind,
      `precision ${(right / found).toFixed(3)}, recall ${(right / placed).toFixed(3)} of ${placed}`,
    ]),
  );
  expect(sum('right') / sum('found'), JSON.stringify(table)).toBeGreaterThan(LEAST.precision);
  expect(sum('right') / sum('placed'), JSON.stringify(table)).toBeGreaterThan(LEAST.recall);
});

describe('a redactor', () => {
  test('gives the same value the same placeholder, and takes it back', async () => {
    const redactor = new Redactor(['email', 'phone']);
    const text = 'a@b.org, c@d.org, a@b.org and +1 212 555 0123; <PHONE_1> was there before';
    const redacted = await redactor.redact(text);
    expect(redacted).toBe(
      '<EMAIL_1>, <EMAIL_2>, <EMAIL_1> and <PHONE_2>; <PHONE_1> was there before',
    );
    expect(redactor.restore(redacted)).toBe(text);
    expect(redactor.summary).toBe('email=3, phone=1');
    const later = new Redactor(['email'], redactor.redactions);
    expect(await later.redact('c@d.org, e@f.org')).toBe('<EMAIL_2>, <EMAIL_3>');
    expect(await later.hide('Call +1 212 555 0123, not g@h.org.')).toBe(
      'Call <PHONE_2>, not <EMAIL_4>.',
    );
  });

  test('looks only for the kinds that are asked for, the better of two that overlap', async () => {
    expect(await new Redactor(['phone']).redact('a@b.org')).toBe('a@b.org');
    const all = new Redactor(REDACTION_KIND_NAMES);
    expect(await all.redact('https://anna@example.org:x@h.org/?key=4111111111111111')).toBe(
      'https://<TOKEN_1>@h.org/?key=<TOKEN_2>',
    );
  });

  test('takes a bounded number of values', async () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => `a${i}@b.org`).join(' ');
    const redactor = new Redactor(['email']);
    await redactor.redact(many(MAX_REDACTED));
    expect(redactor.redactions).toHaveLength(MAX_REDACTED);
    await expect(redactor.redact('one@more.org')).rejects.toMatchObject({
      code: 'E_REQUEST_INVALID',
    });
  });

  test('finds values on both sides of the pieces of a long text', async () => {
    const line = `${'x'.repeat(90)} ada@example.org\n`;
    const redacted = await new Redactor(['email']).redact(line.repeat(2000));
    expect(redacted).toBe(`${'x'.repeat(90)} <EMAIL_1>\n`.repeat(2000));
  });
});

/** The work grows with the length: these once made a search begin again and again. */
test.each([
  ...[
    '@',
    'a@',
    'a.',
    '1 ',
    '1',
    '11-',
    '(1) ',
    '+',
    'a:',
    ':',
    '1.',
    'eyJ',
    'eyJ12345678.',
    'sk-',
    'a://',
    'a://?',
  ],
  ...[
    '-----BEGIN PRIVATE KEY',
    'DE89 ',
    'DE',
    'Dr ',
    'Will ',
    "A'",
    'https://a?token=',
    '<EMAIL_',
    '12345678A',
    'phone 1 ',
  ],
])('a text of %j is looked through', async (piece) => {
  const text = piece.repeat(Math.ceil(300_000 / piece.length));
  const redactor = new Redactor(REDACTION_KIND_NAMES);
  const redacted = await redactor.redact(text).catch((error: unknown) => error);
  if (typeof redacted === 'string') expect(redactor.restore(redacted)).toBe(text);
  else expect(redacted).toMatchObject({ code: 'E_REQUEST_INVALID' });
});

async function* inOrder<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  for (const item of items) yield await Promise.resolve(item);
}

describe('a restored answer', () => {
  const redactor = new Redactor(
    ['email'],
    [
      ['<EMAIL_1>', 'ada@example.org'],
      ['<NAME_12>', 'A "B" \n'],
    ],
  );
  const text = 'a < b <EMAIL_1><NAME_12> <EMAIL_9> <EM <EMAIL_1';

  test('is the same wherever it is cut', () => {
    const whole = redactor.restore(text);
    for (let a = 0; a <= text.length; a++)
      for (let b = a; b <= text.length; b++) {
        const restorer = new Restorer(redactor);
        const parts = [text.slice(0, a), text.slice(a, b), text.slice(b)];
        const made = parts.map((part) => restorer.push(part)).join('') + restorer.end();
        expect(made).toBe(whole);
      }
  });

  test('waits only for what may be a placeholder, and stays JSON in arguments', async () => {
    const usage = {} as Extract<Delta, { type: 'done' }>['usage'];
    const deltas: Delta[] = [
      { type: 'text', text: 'x<EM', tokens: [], choice: 0 },
      { type: 'text', text: 'other', tokens: [], choice: 1 },
      { type: 'text', text: 'AIL_1> y', tokens: [], choice: 0 },
      { type: 'call', index: 0, id: 'c', name: 'f', choice: 0 },
      { type: 'arguments', index: 0, text: '{"a":"<NAME', choice: 0 },
      { type: 'arguments', index: 0, text: '_12>"}', choice: 0 },
      { type: 'done', reason: 'stop', stop: null, usage, choice: 0 },
    ];
    const made: Delta[] = [];
    for await (const delta of restoreOutput(redactor, inOrder(deltas))) made.push(delta);
    const texts = made.flatMap((delta) =>
      'text' in delta ? [`${delta.choice} ${delta.text}`] : [],
    );
    expect(texts.slice(0, 3)).toEqual(['0 x', '1 other', '0 ada@example.org y']);
    const json = made.flatMap((delta) => (delta.type === 'arguments' ? [delta.text] : [])).join('');
    expect(JSON.parse(json)).toEqual({ a: 'A "B" \n' });
  });
});

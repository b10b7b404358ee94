/** Claims against passages: what is supported, by which sentence, and what is quoted in the place of the rest. */
import { describe, expect, test } from 'vitest';
import { atOnce } from '../../../engine/base/turns.ts';
import { ClaimReader, claimsIn } from '../../../engine/text/facts/claims.ts';
import { Evidence } from '../../../engine/text/facts/evidence.ts';
import { readable } from '../../../engine/text/facts/parts.ts';
import { MAX_SPANS } from '../../../engine/text/facts/spans.ts';

const HOTEL = `# Hotel Seeblick

A dog costs 12 euros a night. A massage of 25 minutes costs 39 euros, one of 50 minutes 72 euros.

| Room        | Low season | High season |
| ----------- | ---------- | ----------- |
| Tower Room  | 210        | 285         |
| Garden Room | 74         | 98          |

The masseuse is Ilse Brandauer. Rooms must be left by 10:30.`;

const evidence = (question: string, text = HOTEL) =>
  atOnce(Evidence.read([{ text, heading: 'Hotel Seeblick' }], question));
const check = (question: string, claim: string) => evidence(question).check(claim);

describe('a claim', () => {
  test('is supported by the sentence that says it, with its place', () => {
    const { isSupported, isAmbiguous, sources, facts } = check(
      'What does a dog cost?',
      'A dog costs 12 euros.',
    );
    expect([isSupported, isAmbiguous]).toEqual([true, false]);
    expect(facts).toMatchObject([{ kind: 'quantity', verdict: 'supported', start: 12, end: 14 }]);
    expect(sources.map(({ text }) => text)).toEqual(['A dog costs 12 euros a night.']);
    expect(HOTEL.slice(sources[0]!.start, sources[0]!.end)).toBe(sources[0]!.text);
  });

  test.each([
    ['What does a dog cost?', 'A dog costs 14 euros.', 'contradicted'],
    ['What does a dog cost?', 'A dog costs 74 euros.', 'contradicted'],
    ['How much is a massage of 50 minutes?', 'It costs 39 euros.', 'contradicted'],
    ['What does the Tower Room cost in the high season?', '210', 'contradicted'],
    ['What does the Tower Room cost in the low season?', '74', 'contradicted'],
    ['Who is the masseuse?', 'The masseuse is Carla Brandt.', 'unsupported'],
  ])('%s %s is %s', (question, claim, verdict) => {
    const { isSupported, facts, sources } = check(question, claim);
    expect([isSupported, facts.at(-1)!.verdict, sources]).toEqual([false, verdict, []]);
  });

  test.each([
    ['How much is a massage of 50 minutes?', 'It costs 72 euros.'],
    ['How much is a massage of 25 minutes?', '39 euros'],
    ['What does the Tower Room cost in the high season?', '285'],
    ['What does the Tower Room cost in the low season?', 'The Tower Room costs 210.'],
    ['Who is the masseuse?', 'Ilse Brandauer.'],
    ['When must rooms be left?', 'Rooms must be left by 10:30 am.'],
    ['What is there?', 'A dog costs 12 euros. Rooms must be left by 10:30.'],
  ])('%s %s is supported', (question, claim) => {
    expect(check(question, claim).isSupported).toBe(true);
  });

  test('that nothing decides between two figures is ambiguous', () => {
    expect(check('What does the Tower Room cost?', '285')).toMatchObject({
      ...{ isSupported: true, isAmbiguous: true },
    });
  });

  test('without facts needs no source, and has one where its words do', () => {
    expect(check('Hello?', 'Hello there, I am happy to help.')).toMatchObject({
      ...{ isSupported: true, sources: [] },
    });
    expect(check('Dogs?', 'A dog costs something a night.').sources).toHaveLength(1);
  });

  test('about something else than was asked is not supported', () => {
    const { isSupported } = check('How many parking spaces do guests of the spa find?', '10:30');
    expect(isSupported).toBe(false);
  });

  test('over no passages supports nothing but words', () => {
    const none = atOnce(Evidence.read([], 'What?'));
    expect(none.check('It is 5.').isSupported).toBe(false);
    expect(none.check('It is so.').isSupported).toBe(true);
    expect(none.quote()).toBeNull();
  });
});

describe('a quotation', () => {
  test('is the sentence with the words of the question, and a row says its columns', () => {
    expect(readable(evidence('What does a dog cost a night?').quote()!)).toBe(
      'A dog costs 12 euros a night.',
    );
    expect(readable(evidence('What does the Tower Room cost in the low season?').quote()!)).toBe(
      'Room: Tower Room; Low season: 210; High season: 285',
    );
  });

  test.each(['How many swimming pools are there?', 'What does the Honeymoon Suite cost?', ''])(
    'is not made for %j',
    (question) => {
      expect(evidence(question).quote()).toBeNull();
    },
  );
});

describe('sentences', () => {
  test('are not cut after titles and numbers', () => {
    const text = 'It was led by Dr. Holm. She is 43.6 years old! See No. 5.';
    expect(claimsIn(text).map(({ start, end }) => text.slice(start, end))).toEqual([
      'It was led by Dr. Holm.',
      'She is 43.6 years old!',
      'See No. 5.',
    ]);
  });

  test.each([1, 3, 7, 1000])('come whole from parts of %i characters', (size) => {
    const text = 'One is here. Two costs 4.50 euros!\n\n- Three\n- Four is by Dr. Holm. Five';
    const reader = new ClaimReader();
    const claims: string[] = [];
    for (let at = 0; at < text.length; at += size)
      claims.push(...reader.push(text.slice(at, at + size)));
    claims.push(...reader.end());
    expect(claims.join('')).toBe(text);
    expect(claims.map((claim) => claim.trim())).toEqual([
      'One is here.',
      'Two costs 4.50 euros!',
      '- Three',
      '- Four is by Dr. Holm.',
      'Five',
    ]);
  });

  test('without an end are cut', () => {
    const reader = new ClaimReader();
    const claims = reader.push('a '.repeat(5000));
    expect(claims.length).toBeGreaterThan(8);
    expect([...claims, ...reader.end()].join('').trim()).toHaveLength(9999);
  });
});

test('passages of any length are read in parts, up to a number of sentences', () => {
  const steps = Evidence.read([{ text: 'It is 5. '.repeat(MAX_SPANS + 10) }], 'What?');
  let nStep = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) nStep++;
  expect(nStep).toBeGreaterThan(50);
  expect(step.value.spans).toHaveLength(MAX_SPANS);
});

test.each([
  ['figures in one line', '7 8 9, '.repeat(3000)],
  ['short sentences', 'It is 7. '.repeat(3000)],
  ['names', 'Ada Bo Cy. '.repeat(2000)],
  ['cells', `| a | b |\n${'| 7 | 8 |\n'.repeat(2000)}`],
  ['clauses', '7, 8 and 9; '.repeat(2000)],
])('%s in claim and passages are bounded', (_, text) => {
  const evidence = atOnce(Evidence.read([{ text }], 'How many of 7 and 8 are there?'));
  const { facts, isSupported } = evidence.check(text.slice(0, 1000));
  expect(facts.length).toBeGreaterThan(24);
  expect(isSupported).toBe(false);
  evidence.quote();
});

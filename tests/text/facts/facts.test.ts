/** Figures, dates, times, codes, addresses and names in texts, and which of them say the same. */
import { describe, expect, test } from 'vitest';
import { factsIn } from '../../../engine/text/facts/facts.ts';
import { isSameFact } from '../../../engine/text/facts/same-fact.ts';

const textsOf = (text: string) =>
  factsIn(text).map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);

/** Whether a source says every fact of a text. */
function says(source: string, said: string): boolean {
  const facts = factsIn(said);
  expect(facts, said).not.toEqual([]);
  return facts.every((fact) => factsIn(source).some((one) => isSameFact(fact, one)));
}

describe('what can be checked is found', () => {
  test.each([
    ['It costs 1,200 euros.', ['quantity: 1,200']],
    ['From 0.5 to 8 bar', ['quantity: 0.5', 'quantity: 8']],
    ['on 14 March 2023 at 17:25', ['date: 14 March 2023', 'time: 17:25']],
    ['2023-03-14, 14.03.2023', ['date: 2023-03-14', 'date: 14.03.2023']],
    ['7 and 8 September', ['date: 7 and 8 September', 'date: 7 and 8 September']],
    [
      'Write to a.b@c.example or see https://d.example/e.',
      ['address: a.b@c.example', 'address: https://d.example/e'],
    ],
    ['the DW-460 at 192.168.40.1', ['code: DW-460', 'code: 192.168.40.1']],
    ['He met Miriam Oduya in Harlow Green.', ['name: Miriam Oduya', 'name: Harlow Green']],
    ['However, it is late. The NATO met.', ['name: NATO']],
    ['Paris.', ['name: Paris']],
    ['He said that it was the one.', []],
    [
      'twenty-five people and three hundred and five dogs',
      ['quantity: twenty-five', 'quantity: three hundred and five'],
    ],
    ['once a month, the third time', ['quantity: once a', 'quantity: third']],
    ['', []],
  ])('%s', (text, expected) => {
    expect(textsOf(text)).toEqual(expected);
  });
});

describe('the same is said in other words', () => {
  test.each([
    ['It costs 1,200 euros.', 'It costs 1200 euros.'],
    ['It costs 1,200 euros.', 'It costs €1200.'],
    ['It costs 1,200 euros.', 'It costs 1.2 thousand euros.'],
    ['It costs 1 200 euros.', 'It costs 1,200.'],
    ['Es kostet 1.200 Euro.', 'It costs 1,200.'],
    ['Es kostet 1.234.567,50 Euro.', 'It costs 1,234,567.50.'],
    ['Es wiegt 3,5 kg.', 'It weighs 3.5 kg.'],
    ['It weighs 1.2 kg.', 'It weighs 1200 g.'],
    ['It cost 1.26 million pounds.', 'It cost £1,260,000.'],
    ['There were twelve of them.', 'There were 12.'],
    ['There are 25 people.', 'There are twenty-five people.'],
    ['It rose by 5 percent.', 'It rose by 5%.'],
    ['It rose by 5 %.', 'It rose by 5 per cent.'],
    ['It takes 2 hours 10 minutes.', 'It takes 130 minutes.'],
    ['It takes 90 seconds.', 'It takes 1.5 minutes.'],
    ['on 14 March 2023', 'on March 14, 2023'],
    ['on 14 March 2023', 'on 2023-03-14'],
    ['on 14 March 2023', 'in March 2023'],
    ['on 14 March 2023', 'in 2023'],
    ['on 14/3/2023', 'on 14 March'],
    ['on 7 and 8 September 2024', 'on 7 September 2024'],
    ['at 17:25', 'at 5:25 pm'],
    ['at 5 p.m.', 'at 17:00'],
    ['at 08:05', 'at 8:05'],
    ['the third day', 'the 3rd day'],
    ['down to -12 °C', 'minus 12 degrees Celsius'],
    ['between 4 and 7 km', 'at least 4 km'],
    ['Call 0800 555 0142.', 'The number is 0800 555 0142.'],
    ['the model DW-460', 'the DW 460 is the dw460'.slice(17)],
    ['by Dr Miriam Oduya (chair)', "Then Oduya's plan won."],
    ['See https://www.a.example/b/', 'It is at www.a.example/b.'],
  ])('%s | %s', (source, said) => {
    expect(says(source, said)).toBe(true);
  });
});

describe('something else is said', () => {
  test.each([
    ['It costs 1,200 euros.', 'It costs 1,300 euros.'],
    ['It costs 1,200 euros.', 'It costs 1.2 euros.'],
    ['It costs 60 euros.', 'It is 60%.'],
    ['It costs 60 euros.', 'It costs 60 dollars.'],
    ['Packs contain 24 tablets.', 'A pack costs 24 euros.'],
    ['It weighs 1.2 kg.', 'It weighs 1.2 g.'],
    ['It takes 2 hours 10 minutes.', 'It takes 2 hours.'],
    ['on 14 March 2023', 'on 15 March 2023'],
    ['on 14 March', 'on 14 March 2024'],
    ['at 17:25', 'at 5:25 am'],
    ['down to -12 °C', 'down to 12 °C'],
    ['the DW-460', 'the DW-480'],
    ['by Miriam Oduya', 'by Miriam Frost'],
    ['at 192.168.40.1', 'at 192.168.40.2'],
    ['ada@a.example', 'ada@b.example'],
  ])('%s | %s', (source, said) => {
    expect(says(source, said)).toBe(false);
  });
});

describe('hostile texts cost no more than others', () => {
  test.each([
    ['digits', '1'],
    ['thousands', '1,000,000,'],
    ['points', '1.2.'],
    ['number words', 'one hundred and '],
    ['capitals', 'Ab '],
    ['capitals of names', 'Von Der De '],
    ['codes', 'a1-'],
    ['addresses', 'a.b@'],
    ['webs', 'https://'],
    ['times', '1:1:'],
    ['joined numbers', '1 to '],
    ['months', 'May 1, '],
    ['signs', '- '],
  ])('%s', (_, unit) => {
    const text = unit.repeat(Math.ceil(20_000 / unit.length));
    const facts = factsIn(text);
    for (const { start, end } of facts) expect(end).toBeGreaterThan(start);
  });
});

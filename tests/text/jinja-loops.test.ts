/** Loops that yield give what the library's own loops give. */
import { describe, expect, test } from 'vitest';
import * as jinja from '@huggingface/jinja';
import { atOnce } from '../../engine/base/turns.ts';
import { jinjaSteps, parseJinja } from '../../engine/text/bounded-jinja.ts';

const { Environment, Interpreter } = jinja as unknown as {
  Environment: new () => { set(name: string, value: unknown): void };
  Interpreter: new (environment: object) => { run(program: unknown): { value: unknown } };
};

const globals = { items: [1, 'b', { c: [3] }, 'd'], none: null, empty: [], pairs: { a: 1, b: 2 } };

function byLibrary(source: string): unknown {
  const environment = new Environment();
  const constants = { true: true, false: false };
  for (const [name, value] of Object.entries({ ...constants, ...globals }))
    environment.set(name, value);
  return new Interpreter(environment).run(parseJinja(source)).value;
}

describe.each([
  ['every field of loop', '{% for x in items %}{{ loop | tojson }}{% endfor %}'],
  [
    'neighbours',
    '{% for x in items %}{{ loop.previtem is defined }}{{ loop.nextitem }},{% endfor %}',
  ],
  [
    'break',
    '{% for x in items %}{{ x }}{% if loop.index == 2 %}{% break %}{% endif %}.{% endfor %}',
  ],
  ['break in the first pass', '{% for x in items %}{% break %}{% else %}none{% endfor %}'],
  [
    'continue',
    '{% for x in items %}a{% if loop.first %}{% continue %}{% endif %}{{ x }}{% endfor %}',
  ],
  ['else', '{% for x in empty %}{{ x }}{% else %}none{% endfor %}'],
  [
    'loops in loops',
    '{% for x in items %}{% for y in items %}{{ loop.index0 }}{% endfor %}{{ loop.index }}{% endfor %}',
  ],
  [
    'what a loop sets stays in it',
    '{% set a = 1 %}{% for x in items %}{% set a = x %}{{ a }}{% endfor %}{{ a }}',
  ],
  [
    'a namespace',
    '{% set n = namespace(v=0) %}{% for x in items %}{% set n.v = n.v + 1 %}{% endfor %}{{ n.v }}',
  ],
  ['a filter in a loop', '{% for x in items if x is string %}{{ x }}{{ loop.length }}{% endfor %}'],
  ['two variables', '{% for k, v in pairs.items() %}{{ k }}={{ v }};{% endfor %}'],
  ['keys', '{% for k in pairs %}{{ k }}{% endfor %}'],
  ['a slice', '{% for x in items[::-1] %}{{ x }}{{ loop.revindex }}{% endfor %}'],
  [
    'if, elif, else',
    '{% for x in items %}{% if x == 1 %}a{% elif x == "b" %}b{% else %}c{% endif %}{% endfor %}',
  ],
  ['a macro', '{% macro m(x) %}<{{ x }}>{% endmacro %}{% for x in items %}{{ m(x) }}{% endfor %}'],
])('%s', (_, source) => {
  test('is the same', () => {
    expect(atOnce(jinjaSteps(parseJinja(source), globals))).toBe(byLibrary(source));
  });
});

test('what cannot be walked is refused in the same words', () => {
  const source = '{% for x in 5 %}{{ x }}{% endfor %}';
  const thrown = (run: () => unknown): string => {
    try {
      return `ended with ${String(run())}`;
    } catch (error) {
      return String(error);
    }
  };
  expect(thrown(() => atOnce(jinjaSteps(parseJinja(source), globals)))).toBe(
    thrown(() => byLibrary(source)),
  );
});

test('a long loop yields', () => {
  const steps = jinjaSteps(parseJinja('{% for x in many %}{{ x }}{% endfor %}'), {
    many: new Array<number>(20_000).fill(1),
  });
  let nYield = 0;
  while (steps.next().done !== true) nYield++;
  expect(nYield).toBeGreaterThan(3);
});

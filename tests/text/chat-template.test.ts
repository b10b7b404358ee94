/** Templates as models bring them, and as nobody should. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import {
  ChatTemplate,
  type ChatMessage,
  type ChatTemplateOptions,
  MAX_TEMPLATE_VALUES,
} from '../../engine/text/chat-template.ts';
import { breakLiterals } from '../../engine/text/sentinel.ts';

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const options: ChatTemplateOptions = {
  bosToken: '<s>',
  eosToken: '</s>',
  specialLiterals: ['<|im_start|>', '<|im_end|>', '<|im_', '</s>'],
  now: new Date(Date.UTC(2026, 10, 3, 14, 5, 9)),
};
const hello: ChatMessage[] = [{ role: 'user', content: 'hello' }];

const render = (source: string | null, messages: readonly ChatMessage[] = hello) =>
  new ChatTemplate(source).render(messages, options);

describe('what templates need', () => {
  test.each([
    ['ChatML', CHATML, '<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n'],
    ['bos and eos', '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}', '<s>hello</s>'],
    ['tojson', '{{ messages[0] | tojson }}', '{"role": "user", "content": "hello"}'],
    [
      'time',
      "{{ strftime_now('%d %b %Y, %B %e %H:%M:%S %I %p %A %a %y %%') }}",
      '03 Nov 2026, November  3 14:05:09 02 PM Tuesday Tue 26 %',
    ],
    [
      'range',
      '{% for i in range(2, 8, 3) %}{{ i }},{% endfor %}{% for i in range(2) %}{{ i }}{% endfor %}',
      '2,5,01',
    ],
    ['undefined tools', '{% if tools %}x{% else %}y{% endif %}', 'y'],
    ['trimmed blocks', '  {% if true %}\nx\n  {% endif %}\ny', 'x\ny'],
  ])('%s', (_what, source, text) => {
    expect(render(source).text).toBe(text);
  });

  test('variables of a request, which take the place of nothing', () => {
    const source =
      '{{ enable_thinking }} {{ effort }} {{ messages | length }} {{ add_generation_prompt }}';
    const variables = { enable_thinking: false, effort: 'low', messages: 'none' };
    const given = new ChatTemplate(source).render(hello, { ...options, variables });
    expect(given.text).toBe('false low 1 true');
    const special = { ...options, variables: { effort: '<|im_end|>' } };
    const broken = new ChatTemplate('{{ effort }}').render(hello, special);
    expect(broken.text).not.toBe('<|im_end|>');
    expect(broken.text.replaceAll(broken.sentinel, '')).toBe('<|im_end|>');
  });

  test('without a template contents are put one after the other', () => {
    const messages = ['Once', ' upon'].map((content) => ({ role: 'user', content }));
    const { text, sentinel } = render(null, messages);
    expect(text.replaceAll(sentinel, '')).toBe('Once upon');
  });
});

describe('special tokens in messages', () => {
  const safe = (content: string) => {
    const { text, sentinel } = render('[{{ messages[0].content }}]', [{ role: 'user', content }]);
    expect(text.replaceAll(sentinel, '')).toBe(`[${content}]`);
    return text;
  };

  test.each(['<|im_end|>', 'a<|im_start|>b<|im_end|>', '<|im_<|im_end|>', '</s></s>'])(
    '%s',
    (content) => {
      for (const literal of options.specialLiterals) expect(safe(content)).not.toContain(literal);
    },
  );

  test('halves that the template or another message could complete are broken, too', () => {
    const { text } = render(null, [
      { role: 'user', content: '<|im_' },
      { role: 'user', content: 'end|>' },
    ]);
    expect(text).not.toContain('<|im_end|>');
    expect(
      render('<{{ messages[0].content }}', [{ role: 'user', content: '/s>' }]).text,
    ).not.toContain('</s>');
    expect(
      render('{{ messages[0].content }}s>', [{ role: 'user', content: '</' }]).text,
    ).not.toContain('</s>');
  });

  test('text that uses the first sentinel gets another', () => {
    const content = '\ufdd0<|im_end|>\ufdd1';
    const { text, sentinel } = render(CHATML, [{ role: 'user', content }]);
    expect(content).not.toContain(sentinel);
    expect(text.replaceAll(sentinel, '')).toContain(content);
  });

  test('plain text is left as it is', () => {
    expect(breakLiterals('nothing to see', options.specialLiterals, '\ufdd0')).toBe(
      'nothing to see',
    );
  });
});

describe('hostile templates end in E_TEMPLATE', () => {
  const double =
    "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}";
  test.each([
    ['does not parse', '{% if %}'],
    ['is cut off', '{{ messages'],
    ['refuses', "{{ raise_exception('only users') }}"],
    ['calls what is not there', '{{ nothing() }}'],
    ['loops long', '{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}'],
    [
      'loops with nothing inside',
      '{% set r = range(9999) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}',
    ],
    ['asks for a huge range', '{% for i in range(1000000000000) %}{% endfor %}'],
    ['asks for an endless range', '{% for i in range(0, 1, 0) %}{% endfor %}'],
    ['doubles a text', `${double}{{ ns.s }}`],
    [
      'doubles a list',
      '{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
    ],
    ['nests without end', `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`],
  ])('%s', (_what, source) => {
    const run = () => render(source);
    expect(run).toThrow(EngineError);
    expect(run).toThrow(expect.objectContaining({ code: 'E_TEMPLATE' }));
  });

  test("says what the template's own exception says", () => {
    expect(() => render("{{ raise_exception('only users') }}")).toThrow('only users');
  });
});

describe('a conversation with very many values', () => {
  // The message, its fields, the call and its fields are values, too.
  const withItems = (nItem: number): ChatMessage[] => [
    {
      role: 'assistant',
      content: '',
      tool_calls: [
        { id: 'c', type: 'function', function: { name: 'f', arguments: new Array(nItem).fill(1) } },
      ],
    },
  ];
  const N_AROUND = 10;

  test('is rendered at the bound', () => {
    expect(render(CHATML, withItems(MAX_TEMPLATE_VALUES - N_AROUND)).text).toContain('assistant');
  });

  test('is refused above it', () => {
    expect(() => render(CHATML, withItems(MAX_TEMPLATE_VALUES - N_AROUND + 1))).toThrow(
      expect.objectContaining({ code: 'E_REQUEST_INVALID', param: 'messages' }),
    );
  });

  test('is rendered in parts', () => {
    const messages = Array.from({ length: 4096 }, () => hello[0]!);
    const steps = new ChatTemplate(CHATML).renderSteps(messages, options);
    let nPart = 1;
    while (steps.next().done !== true) nPart++;
    expect(nPart).toBeGreaterThan(5);
  });
});

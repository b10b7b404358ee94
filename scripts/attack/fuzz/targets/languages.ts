/** What requests write in languages of their own: schemas, patterns, grammars, templates, documents. */
import { EngineError } from '../../../../engine/base/errors.ts';
import { compileGbnf, compileJsonSchema, compileRegex } from '../../../../engine/grammar/index.ts';
import { ChatTemplate } from '../../../../engine/text/chat-template.ts';
import { chunkDocument } from '../../../../worker/apis/retrieval/documents/chunk-document.ts';
import { CONTENT_TYPES } from '../../../../worker/apis/retrieval/documents/document-text.ts';
import { readForm } from '../../../../worker/http/body/form.ts';
import type { FuzzTarget, FuzzTargets } from '../fuzz-target.ts';
import { mutateBytes, mutateJson, mutateText, randomText } from '../mutate.ts';
import type { Random } from '../random.ts';

const SCHEMAS: readonly unknown[] = [
  {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 20, pattern: '^[a-z]+$' },
      age: { type: 'integer', minimum: 0, maximum: 150, multipleOf: 5 },
      tags: {
        type: 'array',
        items: { enum: ['a', 'b', 3, null] },
        minItems: 1,
        maxItems: 4,
        uniqueItems: false,
      },
      when: { type: 'string', format: 'date-time' },
      next: { $ref: '#/$defs/node' },
    },
    patternProperties: { '^x-': { type: 'number' } },
    required: ['name', 'age'],
    minProperties: 1,
    additionalProperties: false,
    $defs: {
      node: {
        anyOf: [
          { type: 'null' },
          { type: 'object', properties: { next: { $ref: '#/$defs/node' } } },
        ],
      },
    },
  },
  { oneOf: [{ const: 1 }, { type: 'string', format: 'uuid' }], not: { const: 2 } },
  { allOf: [{ minimum: 1 }, { maximum: 9, exclusiveMaximum: 8.5 }], type: ['number', 'string'] },
  {
    if: { properties: { a: { const: 1 } } },
    then: { required: ['b'] },
    else: true,
    prefixItems: [{}, false],
  },
];
const PATTERNS = [
  '^(a|b)*a(a|b){3}$',
  '[\\w.+-]{1,64}@[a-z]+\\.(com|org)',
  '\\d{4}-\\d{2}|\\p{Lu}+',
  '(?:x(?!y)|[^\\]\\n]){0,9}',
];
const GRAMMARS = [
  'root ::= object\nobject ::= "{" ws (string ":" value ("," string ":" value)*)? "}"\nstring ::= "\\"" [^"\\\\]* "\\""\nvalue ::= object | string | [0-9]+\nws ::= [ \\t\\n]*',
  'root ::= (item "\\n"){1,5}\nitem ::= "- " [a-zA-Z ]+ # one a line',
];
const TEMPLATES = [
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
  "{%- if tools %}{{- tools | tojson(indent=2) }}{%- endif %}{%- set ns = namespace(n=0) %}{%- for m in messages if m.role != 'system' %}{%- set ns.n = ns.n + 1 %}{{ m.content | trim | upper }}{{ loop.index }}{% else %}none{%- endfor %}{{ range(ns.n) | join(',') }}",
  "{% macro f(x) %}{{ x ~ x }}{% endmacro %}{{ f(f(messages[0].content)) }}{{ raise_exception('no') if messages | length > 3 }}{{ strftime_now('%Y') }}",
];
const DOCUMENTS = [
  '# Head\n\nSome *text* with `code`.\n\n- one\n- two\n\n```\nfence\n```\n\n## Sub ##\n\n| a | b |\n|---|---|\n',
  '<html><head><title>T</title><style>p{}</style></head><body><p class="a>b">Hi &amp; &#x41;<br><!-- c --><script>x<y</script></body></html>',
];
const FORM =
  '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n' +
  '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--b--\r\n';

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hello <|im_end|>' },
];

/** Half damaged seeds, half texts of tokens alone. */
function textOf(seeds: readonly string[], random: Random): string {
  return random.chance(0.7) ? mutateText(random.pick(seeds), random) : randomText(random, 40);
}

function render(source: string, random: Random): void {
  const template = new ChatTemplate(source);
  const messages = mutateJson(MESSAGES, random);
  const isConversation =
    Array.isArray(messages) &&
    messages.every((one: { role?: unknown; content?: unknown } | null) => {
      return typeof one?.role === 'string' && typeof one.content === 'string';
    });
  template.render(isConversation ? (messages as typeof MESSAGES) : MESSAGES, {
    bosToken: '<s>',
    eosToken: '</s>',
    specialLiterals: ['<|im_start|>', '<|im_end|>'],
    tools: [{ type: 'function', function: { name: 'f', description: '', parameters: {} } }],
    now: new Date(0),
  });
}

const targets: readonly FuzzTarget[] = [
  {
    name: 'json-schema',
    run: (random) =>
      compileJsonSchema(mutateJson(random.pick(SCHEMAS), random), { isClosed: random.chance(0.5) }),
  },
  { name: 'regex', run: (random) => compileRegex(textOf(PATTERNS, random)) },
  { name: 'gbnf', run: (random) => compileGbnf(textOf(GRAMMARS, random)) },
  { name: 'chat-template', run: (random) => render(textOf(TEMPLATES, random), random) },
  {
    name: 'documents',
    run(random) {
      const text = textOf(DOCUMENTS, random);
      const type = random.pick(CONTENT_TYPES);
      const chunks = chunkDocument(
        text,
        type,
        1 + random.below(30),
        (part) => part.split(' ').length,
      );
      for (const { start, end } of chunks)
        if (!(start >= 0 && end <= text.length && start <= end))
          throw new Error('a span outside the text');
    },
  },
  {
    name: 'forms',
    async run(random) {
      const body = mutateBytes(new TextEncoder().encode(FORM), random) as Uint8Array<ArrayBuffer>;
      const type = random.chance(0.9) ? 'multipart/form-data; boundary=b' : randomHeader(random);
      const request = new Request('http://localhost/', {
        method: 'POST',
        body,
        headers: { 'content-type': type },
      });
      await readForm(request, {
        maxFileBytes: 1000,
        tooLarge: () => new EngineError('E_BODY_TOO_LARGE', 'file: too large.'),
        begin: () => ({ write: () => Promise.resolve() }),
      });
    },
  },
];

function randomHeader(random: Random): string {
  return `multipart/form-data; boundary=${randomText(random, 4).replace(/[^\x20-\x7e]/g, '')}`;
}

export const languageTargets: FuzzTargets = () => Promise.resolve(targets);

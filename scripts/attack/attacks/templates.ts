/** Conversations that are costly to render. */
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';

const parameters = {
  type: 'object',
  properties: Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [
      `field_${i}`,
      { type: 'string', description: 'a field of the call, described at length' },
    ]),
  ),
};
const manyTools = () =>
  Array.from({ length: 1024 }, (_, i) => ({
    type: 'function',
    function: { name: `tool_${i}`, description: 'does something', parameters },
  }));

/** `{"a":{"a":...}}`, as text: JSON.stringify would not survive it. */
const nested = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
const messages = [{ role: 'user', content: 'Hello' }];

const withArguments = (text: string) => [
  ...messages,
  {
    role: 'assistant',
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: text } }],
  },
  { role: 'tool', tool_call_id: 'c1', content: 'done' },
];

export const TEMPLATES: readonly Attack[] = [
  ...['/apply-template', '/v1/chat/completions'].flatMap((path) => {
    const name = path === '/apply-template' ? 'template' : 'chat';
    return [
      bodyAttack({
        name: `${name}-1024-tools`,
        what: '1,024 tools of 20 fields',
        path,
        body: () => ({ messages, max_tokens: 1, tools: manyTools() }),
      }),
      bodyAttack({
        name: `${name}-deep-arguments`,
        what: '600 kB of nested tool arguments',
        path,
        body: () => ({ messages: withArguments(nested(100_000)), max_tokens: 1 }),
      }),
      bodyAttack({
        name: `${name}-wide-arguments`,
        what: '3 MB of tool arguments with many fields',
        path,
        body: () => ({
          messages: withArguments(
            JSON.stringify(
              Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, i])),
            ),
          ),
          max_tokens: 1,
        }),
      }),
      bodyAttack({
        name: `${name}-4096-messages`,
        what: 'as many messages as are taken',
        path,
        body: () => ({
          messages: Array.from({ length: 4096 }, (_, i) => ({
            role: i % 2 === 0 ? 'user' : 'assistant',
            content: 'Hello there, how are you?',
          })),
          max_tokens: 1,
        }),
      }),
      bodyAttack({
        name: `${name}-special-tokens`,
        what: '3 MB of names of special tokens in a message',
        path,
        body: () => ({
          messages: [{ role: 'user', content: '<|im_start|>'.repeat(250_000) }],
          max_tokens: 1,
        }),
      }),
      bodyAttack({
        name: `${name}-many-calls`,
        what: '1,024 calls and their answers',
        path,
        body: () => ({
          messages: [
            ...messages,
            {
              role: 'assistant',
              tool_calls: Array.from({ length: 1024 }, (_, i) => ({
                id: `c${i}`,
                type: 'function',
                function: { name: 'f', arguments: '{"a":[1,2,3,{"b":"c"}]}' },
              })),
            },
            ...Array.from({ length: 1024 }, (_, i) => ({
              role: 'tool',
              tool_call_id: `c${1023 - i}`,
              content: 'x',
            })),
          ],
          max_tokens: 1,
        }),
      }),
    ];
  }),
];

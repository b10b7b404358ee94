/** Bodies that are costly to parse or to check. */
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';

const CHAT = '/v1/chat/completions';
const MEGABYTES = 4_000_000;
const messages = [{ role: 'user', content: 'Hello' }];
const fields = (n: number, of: (i: number) => unknown = () => 0) =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, of(i)]));

export const JSON_BODIES: readonly Attack[] = [
  bodyAttack({
    name: 'json-open-brackets',
    what: '2 MB of [',
    path: CHAT,
    body: () => '['.repeat(2_000_000),
  }),
  bodyAttack({
    name: 'json-open-objects',
    what: '2 MB of {"a":',
    path: CHAT,
    body: () => '{"a":'.repeat(400_000),
  }),
  bodyAttack({
    name: 'json-nested-whole',
    what: 'a field with a million nested arrays',
    path: CHAT,
    body: () => `{"messages":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`,
  }),
  bodyAttack({
    name: 'json-broken-at-end',
    what: '4 MB that break off',
    path: CHAT,
    body: () => `{"messages":[${'"a",'.repeat(1_000_000)}`,
  }),
  bodyAttack({
    name: 'json-broken-lines',
    what: '4 MB of line breaks, then an error',
    path: CHAT,
    body: () => '\n'.repeat(MEGABYTES) + 'x',
  }),
  bodyAttack({
    name: 'json-quotes',
    what: '4 MB of escaped characters, cut off',
    path: CHAT,
    body: () => '"' + '\\u0041'.repeat(650_000),
  }),
  bodyAttack({
    name: 'body-too-large',
    what: '60 MB of spaces',
    path: CHAT,
    body: () => ' '.repeat(60_000_000),
  }),
  bodyAttack({
    name: 'unknown-fields',
    what: '300,000 unknown fields',
    path: CHAT,
    body: () => ({ messages, max_tokens: 1, ...fields(300_000) }),
  }),
  bodyAttack({
    name: 'wrong-messages',
    what: 'a million wrong messages',
    path: CHAT,
    body: () => ({ messages: new Array<number>(1_000_000).fill(1) }),
  }),
  bodyAttack({
    name: 'wrong-parts',
    what: 'one message of 500,000 wrong parts',
    path: CHAT,
    body: () => ({ messages: [{ role: 'user', content: new Array<number>(1_000_000).fill(1) }] }),
  }),
  bodyAttack({
    name: 'many-parts',
    what: 'one message of 100,000 parts',
    path: CHAT,
    body: () => ({
      messages: [{ role: 'user', content: new Array(100_000).fill({ type: 'text', text: 'a' }) }],
      max_tokens: 1,
    }),
  }),
  bodyAttack({
    name: 'empty-messages',
    what: '100,000 empty messages',
    path: CHAT,
    body: () => ({ messages: new Array(100_000).fill({ role: 'user', content: '' }) }),
  }),
  bodyAttack({
    name: 'logit-bias',
    what: '200,000 biases',
    path: CHAT,
    body: () => ({
      messages,
      max_tokens: 1,
      logit_bias: Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [String(i), 1])),
    }),
  }),
  bodyAttack({
    name: 'logit-bias-names',
    what: '200,000 biases with long names',
    path: CHAT,
    body: () => ({ messages, logit_bias: fields(200_000, () => 'x') }),
  }),
  bodyAttack({
    name: 'stop-list',
    what: 'a million stop strings',
    path: CHAT,
    body: () => ({ messages, stop: new Array<string>(800_000).fill('a') }),
  }),
  bodyAttack({
    name: 'stop-long',
    what: '4 MB of a stop string',
    path: CHAT,
    body: () => ({ messages, max_tokens: 4, stop: ['a'.repeat(3_900_000)] }),
  }),
  bodyAttack({
    name: 'metadata',
    what: '200,000 fields of metadata',
    path: CHAT,
    body: () => ({ messages, max_tokens: 1, metadata: fields(200_000, () => 'x') }),
  }),
  bodyAttack({
    name: 'dry-breakers',
    what: '500,000 sequence breakers',
    path: CHAT,
    body: () => ({
      messages,
      dry_multiplier: 1,
      dry_sequence_breakers: new Array<string>(500_000).fill('a'),
    }),
  }),
  bodyAttack({
    name: 'prompt-ids',
    what: 'a prompt of a million ids',
    path: '/v1/completions',
    body: () => ({ prompt: new Array<number>(1_000_000).fill(7), max_tokens: 1 }),
  }),
  bodyAttack({
    name: 'responses-input',
    what: '100,000 items',
    path: '/v1/responses',
    body: () => ({
      input: new Array(100_000).fill({ role: 'user', content: 'a' }),
      max_output_tokens: 16,
    }),
  }),
  bodyAttack({
    name: 'messages-blocks',
    what: '100,000 blocks',
    path: '/v1/messages',
    body: () => ({
      max_tokens: 1,
      messages: [{ role: 'user', content: new Array(100_000).fill({ type: 'text', text: 'a' }) }],
    }),
  }),
];

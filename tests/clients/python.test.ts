/**
 * Clients in Python against the server: each script of python/ is one process, each of its cases a test.
 * @module-tag slow
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runTool } from '../../scripts/lib/exec.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { findPythonWith } from '../support/needs.ts';

const folder = join(repoRoot, 'tests/clients/python');
const python = await findPythonWith(join(folder, 'requirements.txt'));

const CASES = ['plain', 'streamed', 'second_turn', 'tools', 'structured', 'errors', 'abort'];
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  openai: CASES,
  anthropic: CASES,
  ollama: CASES,
  cohere: ['rerank', 'embed', 'errors', 'chat_is_refused'],
  litellm: CASES,
  langchain: CASES,
  llama_index: CASES,
  pydantic_ai: CASES,
  instructor: CASES,
  openai_agents: CASES,
  smolagents: CASES,
};

/** What a script says of a case; `error` is a traceback. */
interface Outcome {
  readonly case: string;
  readonly error: string | null;
}

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

/** Nothing of the machine's own settings: a proxy, a key or another address. */
const env = Object.fromEntries(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'OPENAI_BASE_URL', 'OPENAI_API_KEY', 'OLLAMA_HOST']
    .flatMap((name) => [name, name.toLowerCase()])
    .map((name) => [name, undefined]),
);

describe.skipIf(python === null).each(Object.entries(CLIENTS))('%s', (client, cases) => {
  const outcomes = new Map<string, string | null>();
  let output = '';

  beforeAll(async () => {
    const args = [join(folder, `client_${client}.py`), server.url, STORIES_ID, TINY_ENCODER_ID];
    const { stdout, stderr } = await runTool(python ?? '', args, { env });
    output = stderr;
    for (const line of stdout.split('\n').filter((text) => text.startsWith('{"case"'))) {
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.case, outcome.error);
    }
  });

  test.each(cases)('%s', (name) => {
    expect(outcomes.get(name), output).toBeNull();
  });
});

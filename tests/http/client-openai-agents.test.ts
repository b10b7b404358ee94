/** OpenAI's agents, over responses (their default) and chat completions. */
import {
  Agent,
  ModelBehaviorError,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run,
  setTracingDisabled,
  tool,
  user,
} from '@openai/agents';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { countRunning, rejection } from '../support/outage.ts';

let server: SharedServer;
beforeAll(async () => {
  setTracingDisabled(true);
  server = await shareTestServer();
});
afterAll(() => server.close());

const prompt = 'Once upon a time';
const place = z.object({ city: z.literal('Rome') });

describe.each([
  ['responses', OpenAIResponsesModel],
  ['chat completions', OpenAIChatCompletionsModel],
])('%s', (_name, Model) => {
  const modelOf = (id = STORIES_ID) =>
    new Model(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 }), id);
  const agentOf = (id = STORIES_ID, maxTokens = 24, temperature = 0) =>
    new Agent({ name: 'a', model: modelOf(id), modelSettings: { temperature, maxTokens } });
  const placeAgent = () =>
    new Agent({
      ...{ name: 'a', model: modelOf(), outputType: place },
      modelSettings: { temperature: 0, maxTokens: 100 },
    });

  test('a text that was cut at its limit: the runner takes it from chat completions only', async () => {
    const cut = run(agentOf(), prompt);
    if (Model === OpenAIResponsesModel)
      expect(await rejection(cut)).toBeInstanceOf(ModelBehaviorError);
    else expect((await cut).finalOutput).toContain('there was a little girl');
  });

  test('a second turn reads the first', async () => {
    const one = await run(placeAgent(), prompt);
    const two = await run(placeAgent(), [...one.history, user('And then?')]);
    const [first = 0, second = 0] = [one, two].map(({ state }) => state.usage.inputTokens);
    const answer = one.state.usage.outputTokens;
    expect(second).toBeGreaterThan(first + answer / 2);
  });

  test('a stream', async () => {
    const result = await run(placeAgent(), prompt, { stream: true });
    const parts = await Array.fromAsync(result.toTextStream());
    await result.completed;
    expect(parts.length).toBeGreaterThan(2);
    expect(JSON.parse(parts.join(''))).toEqual(result.finalOutput);
  });

  test('a tool is called, and its output goes back', async () => {
    const asked: string[] = [];
    const weather = tool({
      ...{ name: 'weather', description: 'Weather.', parameters: place },
      execute: ({ city }) => {
        asked.push(city);
        return 'sunny';
      },
    });
    const agent = new Agent({
      ...{ name: 'a', model: modelOf(), tools: [weather], toolUseBehavior: 'stop_on_first_tool' },
      modelSettings: {
        ...{ temperature: 0, maxTokens: 100, toolChoice: 'required', parallelToolCalls: false },
      },
    });
    const result = await run(agent, prompt);
    expect(asked).toEqual(['Rome']);
    expect(result.finalOutput).toBe('sunny');
    const types = result.history.map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['function_call', 'function_call_result']);
    expect((await run(placeAgent(), result.history)).finalOutput).toEqual({ city: 'Rome' });
  });

  test('an object that matches a schema', async () => {
    expect((await run(placeAgent(), prompt)).finalOutput).toEqual({ city: 'Rome' });
  });

  test('errors', async () => {
    const unknown = await rejection(run(agentOf('nope'), prompt));
    expect(unknown).toBeInstanceOf(NotFoundError);
    expect(unknown).toMatchObject({ code: 'model_not_found' });
    const wrong = await rejection(run(agentOf(STORIES_ID, 24, 9), prompt));
    expect(wrong).toBeInstanceOf(BadRequestError);
    expect(wrong).toMatchObject({ param: 'temperature' });
  });

  test('aborting ends the generation', async () => {
    const abort = new AbortController();
    const result = await run(agentOf(STORIES_ID, 480), prompt, {
      ...{ stream: true, signal: abort.signal },
    });
    await Array.fromAsync(result.toTextStream(), () => abort.abort());
    await result.completed.catch(() => undefined);
    await expect.poll(async () => await countRunning(server)).toBe(0);
  });
});

/** Tools and structured output as applications use them: with each client's own helpers. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { type AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import {
  generateObject,
  generateText,
  isStepCount,
  Output,
  streamObject,
  streamText,
  tool as vercelTool,
} from 'ai';
import OpenAI from 'openai';
import { zodResponseFormat, zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

const pet = z.object({
  kind: z.enum(['cat', 'dog']),
  name: z.string().max(8),
  age: z.int().min(0).max(20),
});
const place = z.object({ city: z.enum(['Paris', 'Rome']) });
const placeSchema: Record<string, unknown> = z.toJSONSchema(place);
const prompt = 'Once upon a time';
const weatherOf = (city: string): string => (city === 'Rome' ? 'sunny' : 'rainy');

describe('Vercel', () => {
  const modelOf = () =>
    createOpenAICompatible({
      name: 'thimble',
      baseURL: `${server.url}/v1`,
      supportsStructuredOutputs: true,
    })(STORIES_ID);
  const greedy = { prompt, temperature: 0, maxOutputTokens: 120, maxRetries: 0 };

  test('generateObject', async () => {
    const { object, finishReason } = await generateObject({
      ...{ ...greedy, model: modelOf(), schema: pet },
    });
    expect(pet.parse(object)).toEqual(object);
    expect(finishReason).toBe('stop');
  });

  test('streamObject tells of the object while it grows', async () => {
    const stream = streamObject({ ...greedy, model: modelOf(), schema: pet });
    const parts = await Array.fromAsync(stream.partialObjectStream);
    const object = await stream.object;
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.at(-1)).toEqual(object);
    expect(pet.parse(object)).toEqual(object);
  });

  test('generateText with an output', async () => {
    const output = Output.object({ schema: pet });
    const answer = await generateText({ ...greedy, model: modelOf(), output });
    expect(pet.parse(answer.output)).toEqual(answer.output);
  });

  const asked: string[] = [];
  const tools = {
    getWeather: vercelTool({
      description: 'The weather of a city.',
      inputSchema: place,
      execute: ({ city }) => {
        asked.push(city);
        return weatherOf(city);
      },
    }),
  };
  /** The first step has to call, the second to speak. */
  const steps = {
    stopWhen: isStepCount(2),
    prepareStep: ({ stepNumber }: { stepNumber: number }) => ({
      toolChoice: stepNumber === 0 ? ('required' as const) : ('none' as const),
    }),
  };

  test('a tool runs and the model goes on', async () => {
    asked.length = 0;
    const answer = await generateText({
      ...{ ...greedy, ...steps, maxOutputTokens: 120, model: modelOf(), tools },
      providerOptions: { thimble: { parallel_tool_calls: false } },
    });
    const [first, second] = answer.steps;
    expect(first?.finishReason).toBe('tool-calls');
    expect(asked).toEqual(first?.toolCalls.map(({ input }) => (input as { city: string }).city));
    expect(asked).toHaveLength(1);
    expect(first?.toolResults[0]?.output).toBe(weatherOf(asked[0] ?? ''));
    expect(second?.text).not.toBe('');
    expect(second?.toolCalls).toEqual([]);
  });

  test('a tool runs in the midst of a stream', async () => {
    asked.length = 0;
    const stream = streamText({
      ...{ ...greedy, ...steps, maxOutputTokens: 120, model: modelOf(), tools },
      providerOptions: { thimble: { parallel_tool_calls: false } },
    });
    const types = new Set((await Array.fromAsync(stream.fullStream)).map(({ type }) => type));
    for (const type of ['tool-input-delta', 'tool-call', 'tool-result', 'text-delta'])
      expect(types).toContain(type);
    expect(asked).toHaveLength(1);
    expect(await stream.text).not.toBe('');
  });
});

describe('LangChain', () => {
  const chatOf = (fields: object = {}) =>
    new ChatOpenAI({
      ...{ model: STORIES_ID, apiKey: 'none', temperature: 0, maxTokens: 120, maxRetries: 0 },
      configuration: { baseURL: `${server.url}/v1` },
      ...fields,
    });
  const getWeather = langchainTool(({ city }) => weatherOf(city), {
    name: 'get_weather',
    description: 'The weather of a city.',
    schema: place,
  });
  const apis: [string, object][] = [
    ['chat completions', {}],
    ['responses', { useResponsesApi: true }],
  ];

  test.each(apis)('withStructuredOutput by schema: %s', async (_what, fields) => {
    const held = chatOf(fields).withStructuredOutput(pet, { method: 'jsonSchema' });
    const answer: unknown = await held.invoke(prompt);
    expect(pet.parse(answer)).toEqual(answer);
  });

  test('withStructuredOutput by a call', async () => {
    const held = chatOf().withStructuredOutput(pet, { method: 'functionCalling' });
    const answer: unknown = await held.invoke(prompt);
    expect(pet.parse(answer)).toEqual(answer);
  });

  test.each(apis)('bindTools and the round trip: %s', async (_what, fields) => {
    // Over responses the client passes on only names.
    const options = { tool_choice: 'get_weather', parallel_tool_calls: false };
    const question = new HumanMessage(prompt);
    const called = await chatOf(fields).bindTools([getWeather], options).invoke([question]);
    const [call] = called.tool_calls ?? [];
    expect(call?.name).toBe('get_weather');
    const { city } = place.parse(call?.args);
    const result: unknown = await getWeather.invoke({ ...call!, type: 'tool_call' });
    if (!(result instanceof ToolMessage)) throw new Error('no message');
    expect(result.content).toBe(weatherOf(city));
    const next = chatOf({ ...fields, maxTokens: 12 });
    const answer = await next
      .bindTools([getWeather], { tool_choice: 'none' })
      .invoke([question, called, result]);
    expect(answer.text).not.toBe('');
    expect(answer.tool_calls ?? []).toEqual([]);
  });

  test.each(apis)('a call is streamed in pieces: %s', async (_what, fields) => {
    const bound = chatOf(fields).bindTools([getWeather], { tool_choice: 'get_weather' });
    let whole: AIMessageChunk | null = null;
    let nPiece = 0;
    for await (const part of await bound.stream(prompt)) {
      whole = whole === null ? part : whole.concat(part);
      nPiece += part.tool_call_chunks?.length ?? 0;
    }
    expect(nPiece).toBeGreaterThan(2);
    expect(place.parse(whole?.tool_calls?.[0]?.args)).toHaveProperty('city');
  });
});

describe('Anthropic', () => {
  const clientOf = () => new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
  const question = { role: 'user' as const, content: prompt };
  const tools = [
    {
      name: 'get_weather',
      description: 'The weather of a city.',
      input_schema: z.toJSONSchema(place) as Anthropic.Tool.InputSchema,
    },
  ];
  const request = {
    ...{ model: STORIES_ID, max_tokens: 100, temperature: 0, tools, messages: [question] },
    tool_choice: { type: 'any' as const, disable_parallel_tool_use: true },
  };

  /** Answers the call of `message` and asks on. */
  async function goOn(message: Anthropic.Message): Promise<Anthropic.Message> {
    const [block] = message.content;
    if (block?.type !== 'tool_use') throw new Error('no call');
    const { city } = place.parse(block.input);
    const result = { type: 'tool_result' as const, tool_use_id: block.id };
    return await clientOf().messages.create({
      ...{ ...request, max_tokens: 12, tool_choice: { type: 'none' } },
      messages: [
        question,
        { role: 'assistant', content: message.content },
        { role: 'user', content: [{ ...result, content: weatherOf(city) }] },
      ],
    });
  }

  test('a call, its result, the answer', async () => {
    const message = await clientOf().messages.create(request);
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content).toMatchObject([{ type: 'tool_use', name: 'get_weather' }]);
    const answer = await goOn(message);
    expect(answer.content).toMatchObject([{ type: 'text' }]);
  });

  test('the same, streamed', async () => {
    const whole = await clientOf().messages.create(request);
    const stream = clientOf().messages.stream(request);
    const seen: unknown[] = [];
    stream.on('inputJson', (_part, value) => void seen.push(value));
    const message = await stream.finalMessage();
    const idless = ({ content }: Anthropic.Message) =>
      content.map((block) => (block.type === 'tool_use' ? { ...block, id: '' } : block));
    expect(idless(message)).toEqual(idless(whole));
    expect(message.stop_reason).toBe('tool_use');
    expect(seen.length).toBeGreaterThan(2);
    expect((await goOn(message)).stop_reason).toBe('max_tokens');
  });

  test('the tool runner', async () => {
    const run = ({ city }: z.output<typeof place>) => weatherOf(city);
    const weather = {
      ...{ type: 'custom' as const, ...tools[0]!, run },
      parse: (input: unknown) => place.parse(input),
    };
    const runner = clientOf().beta.messages.toolRunner({
      ...{ ...request, tools: [weather], max_iterations: 1 },
    });
    const [first] = await Array.fromAsync(runner);
    expect(first).toMatchObject({ stop_reason: 'tool_use' });
    const response = await runner.generateToolResponse();
    expect(response?.content).toMatchObject([{ type: 'tool_result' }]);
  });

  test('parse gives an object of the schema', async () => {
    // The client sends a schema without bounds and checks them itself.
    const pet = z.object({ kind: z.enum(['cat', 'dog']), isOld: z.boolean() });
    const message = await clientOf().messages.parse({
      ...{ model: STORIES_ID, max_tokens: 120, temperature: 0, messages: [question] },
      output_config: { format: zodOutputFormat(pet) },
    });
    expect(pet.parse(message.parsed_output)).toEqual(message.parsed_output);
    expect(message.stop_reason).toBe('end_turn');
  });
});

describe('OpenAI', () => {
  const clientOf = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: prompt }];
  const greedy = { model: STORIES_ID, temperature: 0 };

  test('chat.completions.parse', async () => {
    const { choices } = await clientOf().chat.completions.parse({
      ...{ ...greedy, messages, max_tokens: 120 },
      response_format: zodResponseFormat(pet, 'pet'),
    });
    const parsed = choices[0]?.message.parsed;
    expect(pet.parse(parsed)).toEqual(parsed);
  });

  test('chat.completions.runTools', async () => {
    const asked: string[] = [];
    const runner = clientOf().chat.completions.runTools(
      {
        ...{ ...greedy, messages, max_tokens: 80, parallel_tool_calls: false },
        // A named choice ends the run when it was called.
        tool_choice: { type: 'function', function: { name: 'get_weather' } },
        tools: [
          {
            type: 'function',
            function: {
              name: 'get_weather',
              description: 'The weather of a city.',
              parameters: placeSchema,
              parse: (json: string) => place.parse(JSON.parse(json)),
              function: ({ city }: z.output<typeof place>) => {
                asked.push(city);
                return weatherOf(city);
              },
            },
          },
        ],
      },
      { maxChatCompletions: 2 },
    );
    await runner.done();
    expect(asked).toHaveLength(1);
    expect(await runner.finalFunctionToolCallResult()).toBe(weatherOf(asked[0] ?? ''));
  });

  test('responses.parse', async () => {
    const response = await clientOf().responses.parse({
      ...{ ...greedy, input: prompt, max_output_tokens: 120 },
      text: { format: zodTextFormat(pet, 'pet') },
    });
    expect(response.status).toBe('completed');
    expect(pet.parse(response.output_parsed)).toEqual(response.output_parsed);
  });

  test('responses.parse reads the arguments of calls', async () => {
    const response = await clientOf().responses.parse({
      ...{ ...greedy, input: prompt, max_output_tokens: 120, tool_choice: 'required' },
      ...{ parallel_tool_calls: false },
      tools: [zodResponsesFunction({ name: 'get_weather', parameters: place })],
    });
    const [call] = response.output;
    if (call?.type !== 'function_call') throw new Error('no call');
    expect(place.parse(call.parsed_arguments)).toEqual(JSON.parse(call.arguments));
  });
});

/** Answers in Ollama's shape: lines of JSON, or one object. */
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { ollamaErrorBody } from '../../http/error-response.ts';
import type { SseShape } from '../../http/sse.ts';
import type { Delta } from '../../serving/generation/run-generation.ts';
import { nameOf } from './names.ts';
import type { ChatAnswer, GenerateAnswer } from './schema.ts';

export const OLLAMA_LINES: SseShape = {
  isLines: true,
  isNamed: false,
  last: null,
  failure: ollamaErrorBody,
};

const NS_PER_MS = 1_000_000;
export const nsOf = (ms: number): number => Math.round(ms * NS_PER_MS);

type Done = Extract<Delta, { type: 'done' }>;
interface Call {
  readonly name: string;
  json: string;
}

/** Text as it is made; calls once they are whole. */
type Piece =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'calls'; readonly calls: readonly Call[] }
  | { readonly type: 'done'; readonly done: Done };

async function* pieces(deltas: AsyncIterable<Delta>): AsyncGenerator<Piece, void, void> {
  const calls: Call[] = [];
  for await (const delta of deltas) {
    if (delta.type === 'text') yield { type: 'text', text: delta.text };
    else if (delta.type === 'call') calls.push({ name: delta.name, json: '' });
    else if (delta.type === 'arguments') calls[delta.index]!.json += delta.text;
    else if (delta.type === 'done') {
      if (calls.length > 0) yield { type: 'calls', calls };
      yield { type: 'done', done: delta };
    }
  }
}

function begin(modelId: string): { readonly model: string; readonly created_at: string } {
  return { model: nameOf(modelId), created_at: new Date().toISOString() };
}

function endOf({ reason, usage }: Done) {
  return {
    done: true,
    done_reason: reason === 'length' ? ('length' as const) : ('stop' as const),
    ...durations(usage),
  };
}

function durations({ loadMs, queueMs, prefillMs, decodeMs, ...usage }: GenerateUsage) {
  return {
    total_duration: nsOf(loadMs + queueMs + prefillMs + decodeMs),
    load_duration: nsOf(loadMs),
    prompt_eval_count: usage.promptTokens,
    prompt_eval_duration: nsOf(prefillMs),
    eval_count: usage.completionTokens,
    eval_duration: nsOf(decodeMs),
  };
}

function callJson({ name, json }: Call) {
  const values = JSON.parse(json === '' ? '{}' : json) as Record<string, unknown>;
  return { function: { name, arguments: values } };
}

export async function* chatLines(
  modelId: string,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<ChatAnswer, void, void> {
  const message = (content: string) => ({ role: 'assistant' as const, content });
  for await (const piece of pieces(deltas)) {
    if (piece.type === 'text')
      yield { ...begin(modelId), message: message(piece.text), done: false };
    else if (piece.type === 'done')
      yield { ...begin(modelId), message: message(''), ...endOf(piece.done) };
    else {
      const calls = piece.calls.map(callJson);
      yield { ...begin(modelId), message: { ...message(''), tool_calls: calls }, done: false };
    }
  }
}

export async function wholeChat(
  modelId: string,
  deltas: AsyncIterable<Delta>,
): Promise<ChatAnswer> {
  let content = '';
  let last: ChatAnswer | null = null;
  let calls: ChatAnswer['message']['tool_calls'];
  for await (const line of chatLines(modelId, deltas)) {
    content += line.message.content;
    calls = line.message.tool_calls ?? calls;
    last = line;
  }
  const message = { ...last!.message, content };
  return { ...last!, message: calls === undefined ? message : { ...message, tool_calls: calls } };
}

export async function* generateLines(
  modelId: string,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<GenerateAnswer, void, void> {
  for await (const piece of pieces(deltas)) {
    if (piece.type === 'text') yield { ...begin(modelId), response: piece.text, done: false };
    else if (piece.type === 'done') yield { ...begin(modelId), response: '', ...endOf(piece.done) };
  }
}

export async function wholeGenerate(
  modelId: string,
  deltas: AsyncIterable<Delta>,
): Promise<GenerateAnswer> {
  let response = '';
  let last: GenerateAnswer | null = null;
  for await (const line of generateLines(modelId, deltas)) {
    response += line.response;
    last = line;
  }
  return { ...last!, response };
}

/** What clients send an empty request for: the model is loaded when it is first asked something. */
export function loaded(modelId: string) {
  return { ...begin(modelId), done: true, done_reason: 'load' as const };
}

/** llama.cpp native through node-llama-cpp, one thread. */
import type { BatchingOptions, LlamaContextSequence, Token } from 'node-llama-cpp';
import process from 'node:process';
import { fullContext, speedAnswers, timesOf } from './engine-answers.ts';
import { benchTokens } from './peer.ts';
import type { Peer, StartPeer } from './peer.ts';

const CONTEXT_TOKENS = 2048;
/** For the rows of several streams: sequences of one context share every pass over the weights. */
const STREAMS = { sequences: 16, contextSize: 128 };
/** Long enough for every sequence to have its next token ready: all of them join the next pass. */
const GATHER_MS = 1;

/** The peer over `file`, a GGUF. */
export function startNativePeer(file: string): StartPeer {
  return async ({ nVocab }) => {
    const startedAt = performance.now();
    const { getLlama } = await import('node-llama-cpp');
    const llama = await getLlama({
      gpu: false,
      build: 'never',
      maxThreads: 1,
      logLevel: 'error' as never,
    });
    const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
    const openContext = (
      size: { sequences: number; contextSize: number },
      batching: BatchingOptions = {},
    ) => model.createContext({ ...size, threads: 1, batchSize: 512, batching });
    const context = await openContext({ sequences: 1, contextSize: CONTEXT_TOKENS });
    const alone = context.getSequence();
    await timeSequence(alone, benchTokens(16, 0, nVocab), 1);
    const coldFirstTokenMs = performance.now() - startedAt;
    const shared: LlamaContextSequence[] = [];
    const answers = speedAnswers(nVocab, (prompt, maxTokens, stream) =>
      timeSequence(shared[stream] ?? alone, prompt, maxTokens),
    );
    return {
      answers: {
        ...answers,
        async streams(question, salt) {
          const gather = { dispatchSchedule: (run: () => void) => void setTimeout(run, GATHER_MS) };
          const many = await openContext(STREAMS, question.nStream > 1 ? gather : {});
          for (let i = 0; i < question.nStream; i++) shared.push(many.getSequence());
          try {
            return (await answers.streams?.(question, salt)) ?? Number.NaN;
          } finally {
            shared.length = 0;
            await many.dispose();
          }
        },
        coldFirstToken: () => Promise.resolve(coldFirstTokenMs),
        async peakMemory(_, salt) {
          const { nPrompt, nTokens } = fullContext(CONTEXT_TOKENS);
          await timeSequence(alone, benchTokens(nPrompt, salt, nVocab), nTokens);
          return process.resourceUsage().maxRSS * 1024;
        },
      },
      close: () => llama.dispose(),
    } satisfies Peer;
  };
}

async function timeSequence(
  sequence: LlamaContextSequence,
  prompt: number[],
  maxTokens: number,
): Promise<ReturnType<typeof timesOf>> {
  await sequence.clearHistory();
  const startedAt = performance.now();
  const atMs: number[] = [];
  const made: Token[] = [];
  const tokens = sequence.evaluate(prompt as Token[], { temperature: 0, yieldEogToken: true });
  for await (const token of tokens) {
    made.push(token);
    atMs.push(performance.now());
    if (atMs.length === maxTokens) break;
  }
  return timesOf(startedAt, atMs, atMs.length, made.join(' '));
}

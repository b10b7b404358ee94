/** One attempt at a window at one temperature: tokens one by one until the end, a loop, or no room. */
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { TextDecoder } from '../../model/recognition/text-decoder.ts';
import { uniformAt } from '../../sample/random.ts';
import type { DecoderPrompt } from './prompt.ts';
import { loopPeriod, repetitionOf } from './repetition.ts';
import type { TokenRules } from './token-rules.ts';
import type { WindowQuality } from '../types.ts';

export interface Attempt {
  /** Text and timestamps, the known beginning included, without the end. */
  readonly tokens: readonly number[];
  readonly quality: WindowQuality;
  /** 'loop': repeated itself until it was stopped; repetitions after the first are removed. */
  readonly end: 'stop' | 'length' | 'loop';
}

export interface AttemptContext {
  readonly config: RecognitionConfig;
  readonly decoder: TextDecoder;
  readonly kernels: KernelExports;
  readonly prompt: DecoderPrompt;
  readonly rules: TokenRules;
  readonly seed: number;
}

/** Yields each token as it is chosen. The decoder already holds the window. */
export function* runAttempt(
  context: AttemptContext,
  temperature: number,
  index: number,
): Generator<number, Attempt, void> {
  const { config, decoder, kernels, prompt, rules, seed } = context;
  const { endOfText, noSpeech, timestampBegin } = config.tokens;
  const tokens: number[] = [...prompt.known];
  let [sumLogprob, nChosen, noSpeechProb] = [0, 0, 0];
  let chosen = endOfText;
  let end: Attempt['end'] = 'length';

  const choose = (logits: Float32Array): void => {
    rules.apply(logits, tokens);
    const step = index * config.nTextCtx + nChosen;
    const pick = temperature === 0 ? greedy : drawnAt(temperature, uniformAt(seed, step));
    chosen = pick(kernels, logits);
    sumLogprob += logits[chosen]! - logSumExp(kernels, logits);
    nChosen++;
  };

  decoder.rewind(0);
  const last = prompt.tokens.length - 1;
  const wanted = [...new Set([prompt.startIndex, last])];
  decoder.forward(prompt.tokens, wanted, (row, logits) => {
    if (row === prompt.startIndex)
      noSpeechProb = Math.exp(logits[noSpeech]! - logSumExp(kernels, logits));
    if (row === last) choose(logits);
  });
  const isText = (token: number): boolean => token < timestampBegin;
  while (nChosen <= prompt.maxTokens) {
    if (chosen === endOfText) {
      end = 'stop';
      break;
    }
    tokens.push(chosen);
    yield chosen;
    const period = loopPeriod(tokens);
    if (period > 0) {
      end = 'loop';
      break;
    }
    if (nChosen === prompt.maxTokens) break;
    decoder.forward([chosen], [0], (_, logits) => choose(logits));
  }
  const text = tokens.filter(isText);
  const quality = {
    temperature,
    avgLogprob: sumLogprob / Math.max(1, nChosen),
    noSpeechProb,
    repetition: repetitionOf(text),
  };
  return { tokens: end === 'loop' ? withoutRounds(tokens) : tokens, quality, end };
}

/** The tokens with a loop reduced to one repetition. */
function withoutRounds(tokens: readonly number[]): number[] {
  const period = loopPeriod(tokens);
  let n = tokens.length;
  while (n > 2 * period && tokens[n - 1] === tokens[n - 1 - period]) n--;
  return tokens.slice(0, n);
}

type Pick = (kernels: KernelExports, logits: Float32Array) => number;

/** Logits lie in the kernels' memory: where a view begins is an address. */
const greedy: Pick = (kernels, logits) => kernels.argmax(logits.byteOffset, logits.length);

function logSumExp(kernels: KernelExports, logits: Float32Array): number {
  const top = logits[greedy(kernels, logits)]!;
  return top + Math.log(kernels.sumExp(logits.byteOffset, logits.length, top));
}

/** Tokens less likely than e^-30 of the likeliest are never drawn. */
const LEAST_NATS = 30;

function drawnAt(temperature: number, uniform: number): Pick {
  return (kernels, logits) => {
    const best = greedy(kernels, logits);
    const top = logits[best]!;
    const least = top - LEAST_NATS * temperature;
    let sum = 0;
    for (const logit of logits) if (logit > least) sum += Math.exp((logit - top) / temperature);
    let left = uniform * sum;
    for (let token = 0; token < logits.length; token++) {
      const logit = logits[token]!;
      if (!(logit > least)) continue;
      left -= Math.exp((logit - top) / temperature);
      if (left < 0) return token;
    }
    return best;
  };
}

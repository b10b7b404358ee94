/** The small model as it is served: its quantized file in the engine, asked what was never learned from. */
import { createHash } from 'node:crypto';
import type { Engine } from '../../../engine/generate/engine.ts';
import type { GivenPrompt } from '../../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import type { Answer, Example } from './example.ts';
import { type Score, ScoreCounter } from './scores.ts';
import type { Source } from './sources/source.ts';
import type { Vocabulary } from './vocabulary.ts';

/** The prompt of an example: its tokens, and its segments as vectors for the model's own projectors. */
export function promptOf({ tokens, segments }: Pick<Example, 'tokens' | 'segments'>): GivenPrompt {
  const prompt: GivenPrompt[number][] = [];
  let from = 0;
  for (const { sense, values, firstRow, n } of segments) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const hash = createHash('sha256').update(bytes).digest('hex');
    prompt.push({ kind: 'tokens', ids: tokens.slice(from, firstRow) });
    prompt.push({ kind: 'vectors', sense, values, hash });
    from = firstRow + n;
  }
  return [...prompt, { kind: 'tokens', ids: tokens.slice(from) }];
}

/** Longest answers are captions of four shapes. */
const MAX_ANSWER_TOKENS = 64;

/** What the engine says without sampling where an answer of an example stands, after all that is before it. */
export async function engineAnswer(
  engine: Pick<Engine, 'generate'>,
  { tokenizer, ids }: Pick<Vocabulary, 'tokenizer' | 'ids'>,
  { tokens, segments }: Example,
  { from }: Pick<Answer, 'from'>,
): Promise<string> {
  const firstRow = from + 1;
  const before = segments.filter((segment) => segment.firstRow < firstRow);
  const request = {
    prompt: promptOf({ tokens: tokens.slice(0, firstRow), segments: before }),
    ...{ maxTokens: MAX_ANSWER_TOKENS, stopTokens: [ids.end] },
    ...{ topLogprobs: null, promptLogprobs: false },
    sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
  };
  const said: number[] = [];
  for await (const event of engine.generate(request, new AbortController().signal))
    if (event.type === 'token') said.push(event.token);
  return tokenizer.decode(said.filter((id) => id !== ids.end));
}

/** @param n examples of each source */
export async function engineScores(
  engine: Pick<Engine, 'generate'>,
  vocabulary: Pick<Vocabulary, 'tokenizer' | 'ids'>,
  sources: readonly Source[],
  n: number,
): Promise<Score[]> {
  const scores: Score[] = [];
  for (const source of sources) {
    const { answerOf = (said) => said } = source;
    const counter = new ScoreCounter(source);
    for (const example of source.heldOut(n))
      for (const answer of example.answers) {
        const said = await engineAnswer(engine, vocabulary, example, answer);
        counter.add(answer, answerOf(said) === answerOf(answer.answer));
      }
    scores.push(...counter.scores());
  }
  return scores;
}

/** The small model as it is served: its quantized file in the engine, asked what was never learned from. */
import { createHash } from 'node:crypto';
import type { Engine } from '../../../engine/generate/engine.ts';
import type { GivenPrompt } from '../../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import type { Score } from './evaluate.ts';
import type { Example } from './example.ts';
import type { Source } from './sources/source.ts';

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

/** For each answer of an example whether the engine would say it, word for word, without sampling. */
export async function engineAnswers(
  engine: Pick<Engine, 'generate'>,
  example: Example,
): Promise<readonly boolean[]> {
  const request = {
    ...{ prompt: promptOf(example), maxTokens: 0, sampling: DEFAULT_SAMPLING, stopTokens: [] },
    ...{ topLogprobs: 1, promptLogprobs: true },
  };
  const { signal } = new AbortController();
  for await (const event of engine.generate(request, signal)) {
    if (event.type !== 'prompt') continue;
    const isLikeliest = event.logprobs.map(
      (one) => one !== null && one.top[0]?.token === one.token,
    );
    return example.answers.map(({ from, to }) =>
      isLikeliest.slice(from + 1, to + 1).every(Boolean),
    );
  }
  return [];
}

/** @param n examples of each source */
export async function engineScores(
  engine: Pick<Engine, 'generate'>,
  sources: readonly Source[],
  n: number,
): Promise<Score[]> {
  const scores: Score[] = [];
  for (const source of sources) {
    const counts = new Map<string, { right: number; asked: number }>();
    for (const example of source.heldOut(n)) {
      if (example.answers.length === 0) continue;
      const right = await engineAnswers(engine, example);
      for (const [i, { kind }] of example.answers.entries()) {
        const count = counts.get(kind) ?? { right: 0, asked: 0 };
        counts.set(kind, count);
        count.asked++;
        if (right[i] === true) count.right++;
      }
    }
    for (const [kind, count] of counts) {
      const unbound = source.unbound.get(kind) ?? null;
      scores.push({ source: source.name, kind, ...count, unbound });
    }
  }
  return scores;
}

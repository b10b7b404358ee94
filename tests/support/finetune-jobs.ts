/** The small fine-tunings whose losses tests/golden/finetune.json has from PEFT. */
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import type { EncodedText, Example } from '../../scripts/finetune/encode.ts';
import { SMALL_CONFIG } from './adapter-training.ts';
import type { PeftJob } from './peft-job.ts';

const N_STEP = 12;
const BATCH = 4;
const INVOCATION = [7, 9];

/** Random tokens after a prompt, of which a pattern is learnable. */
function text(random: SeededRandom, prompt: readonly number[], isEven: boolean): EncodedText {
  const first = random.integer(20, 200);
  const answer = Array.from({ length: random.integer(5, 40) }, (_, i) => first + (isEven ? i : 0));
  const tokens = Uint32Array.from([...prompt, ...answer]);
  const learned = Uint8Array.from(tokens, (_, i) => (i < prompt.length ? 0 : 1));
  return { tokens, learned, activeFrom: 0 };
}

function steps(seed: number, nText: 1 | 2, isActivated: boolean): Example[][] {
  const random = new SeededRandom(seed);
  return Array.from({ length: N_STEP }, () =>
    Array.from({ length: BATCH }, (): Example => {
      const before = Array.from({ length: random.integer(3, 50) }, () => random.integer(20, 250));
      const after = Array.from({ length: random.integer(1, 9) }, () => random.integer(20, 250));
      const prompt = isActivated ? [1, ...before, ...INVOCATION, ...after] : [1, ...before];
      const texts = [text(random, prompt, true), text(random, prompt, false)]
        .slice(0, nText)
        .map((one) => ({ ...one, activeFrom: isActivated ? 1 + before.length : 0 }));
      return { line: 1, texts, prompt };
    }),
  );
}

function repeated(seed: number): Example[][] {
  const [first] = steps(seed, 1, false);
  return Array.from({ length: N_STEP }, () => first!);
}

const common = { rank: 4, alpha: 8, rate: 1e-2, nRow: 200, beta: 0.1, invocation: null };

export const FINETUNE_JOBS: Readonly<Record<string, PeftJob>> = {
  completion: { ...common, form: 'completion', steps: steps(1, 1, false) },
  preference: { ...common, form: 'preference', steps: steps(2, 2, false) },
  // The same examples again and again: a prefix of a random base learns slowly.
  prefix: { ...common, form: 'completion', prefix: 21, rate: 5e-2, steps: repeated(4) },
  activated: { ...common, form: 'completion', invocation: INVOCATION, steps: steps(3, 1, true) },
};

/** Sizes that transformers takes as well. */
export const JOB_CONFIG = { ...SMALL_CONFIG, tiedHead: true, ropeTheta: 5000 };

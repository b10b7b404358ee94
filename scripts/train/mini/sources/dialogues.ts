/** Dialogues from templates. */
import { dialogueOf } from '../../../data/mini/dialogues.ts';
import { type Example, ExampleWriter } from '../example.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { Source } from './source.ts';

const N_TRAIN = 2 ** 20;

/** @param weight of an answer */
export function dialogueSource(
  vocabulary: Vocabulary,
  seed: number,
  nContext: number,
  weight: number,
): Source {
  const write = (number: number): Example => {
    const writer = new ExampleWriter(vocabulary);
    const messages = dialogueOf(seed, number);
    for (let i = 0; i + 1 < messages.length; i += 2) {
      const [question, answer] = [messages[i]!.content, messages[i + 1]!.content];
      writer.question(question).answer({ kind: 'dialogue', question, answer }, weight);
    }
    return writer.end(nContext);
  };
  return {
    ...{ name: 'dialogues', unbound: new Map() },
    about: { what: 'dialogues from templates, made by the kit', licence: 'Apache-2.0' },
    example: (random) => write(random.integer(0, N_TRAIN - 1)),
    heldOut: (n) => Array.from({ length: n }, (_, i) => write(N_TRAIN + i)),
  };
}

/** A question to a peer, asked again where what arrived cannot be timed. */
import { SALTS_PER_QUESTION } from '../report/rows.ts';
import type { Answer, Answers, PeerMessage, Question } from './peer.ts';

/**
 * A rate is taken between the first and the last token that arrives. On a busy machine the client may
 * sleep while all of them arrive and then read them at one moment; tokens without text of their own
 * arrive together as well. The same question with other prompts has another chance.
 */
const MAX_ATTEMPTS = 4;
/** Repeated questions use the two halves of their salts in turn. */
const HALF_OF_SALTS = SALTS_PER_QUESTION / 2;

/** @throws {Error} when the peer does not answer such questions, or never with a number. */
export async function askPeer(
  name: string,
  answers: Answers,
  { question, salt }: PeerMessage,
): Promise<Answer> {
  const ask = answers[question.ask] as
    ((question: Question, salt: number) => Promise<number | Answer>) | undefined;
  if (ask === undefined) throw new Error(`${name} cannot answer ${question.ask}`);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const given = await ask(question, salt + (attempt % 2) * HALF_OF_SALTS);
    const answer = typeof given === 'number' ? { value: given } : given;
    if (Number.isFinite(answer.value)) return answer;
  }
  throw new Error(
    `${question.ask}: in ${MAX_ATTEMPTS} attempts all tokens arrived at one moment, so that there is no rate. Close other programs, or choose a larger model`,
  );
}

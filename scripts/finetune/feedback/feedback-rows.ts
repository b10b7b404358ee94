/** Rated answers of sessions as rows to learn from. Pure. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { Message } from '../rows.ts';
import type { SessionFeedback } from './read-feedback.ts';

/** What is made of ratings: answers that are learned, or pairs of which one is preferred. */
export const FEEDBACK_FORMS = ['answers', 'preferences'] as const;
export type FeedbackForm = (typeof FEEDBACK_FORMS)[number];

/** A row of JSONL. */
type FeedbackRow =
  | { readonly messages: readonly Message[] }
  | {
      readonly prompt: readonly Message[];
      readonly chosen: readonly Message[];
      readonly rejected: readonly Message[];
    };

interface RatedAnswer {
  readonly prompt: readonly Message[];
  readonly answer: string;
  readonly isGood: boolean;
  readonly better: string | null;
}

/** Pairs of answers to the same prompt: they grow with the product of good and bad ones. */
const MAX_PAIRS_EACH = 64;

const ROWS: Readonly<Record<FeedbackForm, (rated: readonly RatedAnswer[]) => FeedbackRow[]>> = {
  answers: answerRows,
  preferences: preferenceRows,
};

/** @throws {EngineError} E_USAGE when the ratings give no row of the form */
export function feedbackRows(
  sessions: readonly SessionFeedback[],
  form: FeedbackForm,
): FeedbackRow[] {
  const rated = sessions.flatMap(ratedAnswers);
  const rows = distinct(ROWS[form](rated));
  if (rows.length > 0) return rows;
  const others = FEEDBACK_FORMS.filter((other) => other !== form && ROWS[other](rated).length > 0);
  const hint =
    others.length > 0
      ? `Take --from-feedback ${others[0]}`
      : 'Rate answers of sessions that say "allow_training": true (POST /v1/sessions/{id}/feedback)';
  throw new EngineError(
    'E_USAGE',
    `finetune: --from-feedback ${form}: ${rated.length} rated answers may be learned from, and give no ${form}. ${hint}.`,
    { details: { rated: rated.length, form } },
  );
}

function ratedAnswers({ messages, ratings }: SessionFeedback): RatedAnswer[] {
  const answers = [...messages.keys()].filter((i) => messages[i]!.role === 'assistant');
  return ratings.flatMap(({ turn, rating, better }) => {
    const at = answers[turn - 1];
    if (at === undefined) return [];
    const prompt = messages.slice(0, at).map(({ role, content }) => ({
      role: role as Message['role'],
      content,
    }));
    return [{ prompt, answer: messages[at]!.content, isGood: rating === 'up', better }];
  });
}

/** What is better, where somebody said; otherwise what was rated up. Answers before it are not learned again. */
function answerRows(rated: readonly RatedAnswer[]): FeedbackRow[] {
  return rated.flatMap(({ prompt, answer, isGood, better }) => {
    const learned = better ?? (isGood ? answer : '');
    if (isEmpty(learned)) return [];
    const before = prompt.map((message): Message =>
      message.role === 'assistant' ? { ...message, weight: 0 } : message,
    );
    return [{ messages: [...before, said(learned)] }];
  });
}

/** What is better before what was answered, and what was rated up before what was rated down after the same messages. */
function preferenceRows(rated: readonly RatedAnswer[]): FeedbackRow[] {
  const byPrompt = Map.groupBy(rated, ({ prompt }) => JSON.stringify(prompt));
  return [...byPrompt.values()].flatMap((same) => {
    const { prompt } = same[0]!;
    const corrected = same.flatMap(({ answer, better }) =>
      better === null ? [] : [[better, answer] as const],
    );
    const up = same.filter(({ isGood }) => isGood);
    const compared = same
      .filter(({ isGood }) => !isGood)
      .flatMap((down) => up.map(({ answer }) => [answer, down.answer] as const));
    return [...corrected, ...compared]
      .filter((pair) => pair[0] !== pair[1] && !pair.some(isEmpty))
      .slice(0, MAX_PAIRS_EACH)
      .map(([chosen, rejected]) => ({
        prompt,
        chosen: [said(chosen)],
        rejected: [said(rejected)],
      }));
  });
}

const said = (content: string): Message => ({ role: 'assistant', content });
const isEmpty = (text: string): boolean => text.trim() === '';

function distinct(rows: readonly FeedbackRow[]): FeedbackRow[] {
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
}

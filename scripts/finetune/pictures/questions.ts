/** How often an adapter answers questions about pictures rightly, beside what their words alone give away. */
import { EngineError } from '../../../engine/base/errors.ts';
import { UnboundBaseline } from '../../data/mini/baseline.ts';
import { type Estimate, share } from '../../eval/intervals.ts';
import { dividePictures, type SaidPicture } from './dataset.ts';
import { type PictureRow, type PictureText, questionRows } from './rows.ts';
import type { RowsSegment, SeeingModel } from './seeing-model.ts';

export interface QuestionReport {
  readonly nQuestion: number;
  readonly nPicture: number;
  /** Questions whose answers the baseline knows. */
  readonly nKnown: number;
  readonly right: Estimate;
  /** Of the most frequent answer to the same words; to their first two, where they are new. */
  readonly words: Estimate;
}

export interface ToldAnswer {
  readonly image: string;
  readonly question: string;
  readonly expected: string;
  readonly said: string;
  readonly isRight: boolean;
}

export interface QuestionOptions {
  /** Share of the pictures that is asked about; ignored where `split` is given. */
  readonly heldOut: number;
  /** Part of the data that is asked about; null for the pictures that trainings hold out. */
  readonly split: string | null;
  /** Questions that are asked at most. */
  readonly most: number;
  readonly signal: AbortSignal;
  readonly onAnswer: (nDone: number, nQuestion: number) => void;
}

/** Questions at a time about one picture: they share the reading of the weights. */
const AT_ONCE = 4;
/** Words at a question's beginning that tell what it is after. */
const TYPE_WORDS = 2;

/**
 * @param rows of questions; those of captions are left out
 * @throws {EngineError} E_USAGE without questions to ask; E_ABORTED
 */
export async function measureQuestions(
  model: Pick<SeeingModel, 'look' | 'answer'>,
  rows: readonly PictureRow[],
  options: QuestionOptions,
): Promise<{ readonly report: QuestionReport; readonly told: readonly ToldAnswer[] }> {
  const { known, asked } = await divideQuestions(rows, options);
  const baseline = new UnboundBaseline();
  for (const { texts } of known) for (const text of texts) baseline.learn(askedOf(text));
  const nQuestion = asked.reduce((sum, { texts }) => sum + texts.length, 0);
  const told: ToldAnswer[] = [];
  for (const { path, texts } of asked) {
    const seen = await model.look(path);
    for (let at = 0; at < texts.length; at += AT_ONCE) {
      const some = texts.slice(at, at + AT_ONCE);
      told.push(...(await answersOf(model, path, seen, some, options.signal)));
      options.onAnswer(told.length, nQuestion);
    }
  }
  const { nByWords } = baseline.score(
    asked.flatMap(({ texts }) => texts.map((text) => askedOf(text))),
  );
  const report = {
    ...{ nQuestion, nPicture: asked.length },
    nKnown: known.reduce((sum, { texts }) => sum + texts.length, 0),
    right: share(told.filter(({ isRight }) => isRight).length, nQuestion),
    words: share(nByWords, nQuestion),
  };
  return { report, told };
}

async function answersOf(
  model: Pick<SeeingModel, 'answer'>,
  image: string,
  seen: RowsSegment,
  texts: readonly PictureText[],
  signal: AbortSignal,
): Promise<ToldAnswer[]> {
  const said = await Promise.all(texts.map(({ question }) => model.answer(seen, question, signal)));
  return texts.map(({ question, answer: expected }, i) => ({
    ...{ image, question, expected, said: said[i]! },
    isRight: plainAnswer(said[i]!) === plainAnswer(expected),
  }));
}

/** Without capitals, articles and the marks at its end. */
export function plainAnswer(answer: string): string {
  return answer
    .trim()
    .toLowerCase()
    .replace(/[.!?\s]+$/, '')
    .replace(/^(?:an?|the)\s+/, '')
    .replaceAll(/\s+/g, ' ');
}

function askedOf({ question, answer }: PictureText) {
  const words = question.toLowerCase().split(/\s+/);
  const type = words.slice(0, TYPE_WORDS).join(' ');
  return { question: question.toLowerCase(), answer: plainAnswer(answer), type };
}

/** Pictures with questions whose answers are known, and those that are asked about, until there are enough. */
async function divideQuestions(
  rows: readonly PictureRow[],
  { most, ...part }: QuestionOptions,
): Promise<{ readonly known: readonly SaidPicture[]; readonly asked: readonly SaidPicture[] }> {
  const { known, asked: all } = await dividePictures(questionRows(rows), part);
  let left = most;
  const asked = all.flatMap((one) => {
    const texts = one.texts.slice(0, left);
    left -= texts.length;
    return texts.length === 0 ? [] : [{ ...one, texts }];
  });
  if (asked.length > 0) return { known, asked };
  throw new EngineError(
    'E_USAGE',
    'eval: no questions to ask. Give rows with questions, another --split, or a larger --held-out.',
  );
}

/**
 * Questions over documents, asked through HTTP: how many answers are right, and how many have a figure that the cited
 * text does not have. The judge compares digits and accepted wordings; it shares no code with the check of answers.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { askServer, serverAddress } from '../lib/ask-server.ts';
import { repoRoot } from '../lib/paths.ts';
import { type Estimate, share } from './intervals.ts';

/** Twenty documents of our own and 200 questions about them. */
export const ANSWERS_FOLDER = join(repoRoot, 'tests/golden/answers');
export const COLLECTION = 'eval-answers';
const MAX_TOKENS = 100;
/** A search of these documents has the right passage among so many for 99 % of the questions. */
const TOP_K = 2;
/** Documents have ten questions each: every tenth is of another. */
const STRIDE = 10;
/** An answer that is longer only happens to contain what was asked for. */
const MAX_RIGHT_WORDS = 60;

export interface Question {
  readonly question: string;
  /** Null where no document has the answer. */
  readonly document: string | null;
  /** Accepted wordings; empty where no document has the answer. */
  readonly answers: readonly string[];
  /** A part of the sentence that has the answer. */
  readonly quote: string | null;
}

export const MODES = ['off', 'prompt', 'drop', 'quote'] as const;
/** `prompt`: what the model wrote before it was checked; `off`: without check, and asked to cite itself. */
export type Mode = (typeof MODES)[number];

export interface Judged {
  readonly mode: Mode;
  readonly text: string;
  readonly isAnswerable: boolean;
  readonly isRight: boolean;
  readonly isAbstention: boolean;
  /** Whether a figure of it is not in the text that it cites. */
  readonly hasForeignFigure: boolean;
  /** Whether it is wrong, in the model's own words, and has a figure. */
  readonly hasWrongFigure: boolean;
  readonly isCitedRight: boolean;
}

export interface Asked {
  readonly question: Question;
  readonly judged: readonly Judged[];
}

interface Citation {
  readonly document: string;
  readonly heading: string;
  readonly text: string;
  readonly cited: boolean;
}
interface Claim {
  readonly said: string;
  readonly verdict: string;
  readonly action: string;
  readonly sources: readonly {
    readonly index: number;
    readonly document: string;
    readonly text: string;
  }[];
}
interface Answer {
  readonly choices: readonly [{ readonly message: { readonly content: string } }];
  readonly citations: readonly Citation[];
  readonly claims?: readonly Claim[];
}

/** Questions in words of the documents, and some in other words, each of which a document answers. */
export const QUESTION_FILES = { questions: 'questions.jsonl', paraphrases: 'paraphrases.jsonl' };

/** In an order in which any first part has questions about all documents. */
export async function readQuestions(
  file = QUESTION_FILES.questions,
  folder = ANSWERS_FOLDER,
): Promise<Question[]> {
  const lines = (await readFile(join(folder, file), 'utf8')).trim().split('\n');
  const questions = lines.map((line) => JSON.parse(line) as Question);
  return Array.from({ length: STRIDE }, (_, i) =>
    questions.filter((_question, at) => at % STRIDE === i),
  ).flat();
}

/** Adds the documents to a new collection of a server. */
export async function addDocuments(url: string, folder = ANSWERS_FOLDER): Promise<void> {
  const names = (await readdir(join(folder, 'documents'))).toSorted();
  const documents = await Promise.all(
    names.map(async (id) => ({
      ...{ id, content_type: 'text/markdown' },
      content: await readFile(join(folder, 'documents', id), 'utf8'),
    })),
  );
  const ask = (path: string, body: object) => askServer(serverAddress(url, path, 'eval'), body);
  await ask('/v1/collections', { name: COLLECTION });
  const added = await ask(`/v1/collections/${COLLECTION}/documents`, { documents });
  if (added['failed'] !== 0)
    throw new EngineError('E_INTERNAL', `eval: documents were not added: ${JSON.stringify(added)}`);
}

/**
 * Asks with the check, and without it where that is wanted: its prompt is another, and costs as much again.
 * @param rerank id of a model that ranks the passages again, false for none; as the server does by default
 */
export async function askQuestion(
  url: string,
  model: string,
  question: Question,
  asksOff: boolean,
  rerank?: string | false,
): Promise<Asked> {
  const ask = async (check: string) =>
    (await askServer(serverAddress(url, '/v1/chat/completions', 'eval'), {
      ...{ model, temperature: 0, max_tokens: MAX_TOKENS },
      messages: [{ role: 'user', content: question.question }],
      retrieval: {
        ...{ collection: COLLECTION, top_k: TOP_K, check },
        ...(rerank === undefined ? {} : { rerank }),
      },
    })) as unknown as Answer;
  const off = asksOff ? await ask('off') : null;
  const drop = await ask('drop');
  const quote = await ask('quote');
  const judged = [
    ...(off === null ? [] : [judge('off', question, off.choices[0].message.content, off)]),
    judge('prompt', question, (drop.claims ?? []).map(({ said }) => said).join(' '), drop),
    judge('drop', question, drop.choices[0].message.content, drop),
    judge('quote', question, quote.choices[0].message.content, quote),
  ];
  return { question, judged };
}

const ABSTENTION =
  /\b(?:do|does) not (?:say|contain|mention|provide|specify|state|know|include|have)|not (?:mentioned|specified|provided|stated)|don't know/i;

export function judge(
  mode: Mode,
  { question: _, document, answers, quote }: Question,
  content: string,
  { citations, claims = [] }: Pick<Answer, 'citations' | 'claims'>,
): Judged {
  const text = content.replaceAll(/\s?\[\d{1,2}\]/g, '').trim();
  const isAbstention = text === '' || ABSTENTION.test(text);
  const isAnswerable = answers.length > 0;
  const isShort = text.split(/\s+/).length <= MAX_RIGHT_WORDS;
  const isRight = isAnswerable ? isShort && hasAnswer(text, answers) : isAbstention;
  const isChecked = mode === 'drop' || mode === 'quote';
  const marked = citations.filter(({ cited }) => cited);
  const sources = claims.flatMap((claim) => claim.sources);
  const cited = isChecked
    ? sources.map(({ index, text: span }) => `${aroundOf(citations[index - 1])}\n${span}`)
    : (marked.length > 0 ? marked : citations).map((one) => `${one.heading}\n${one.text}`);
  const known = new Set(cited.flatMap(figuresOf));
  const isOwn = mode !== 'quote' || claims.some(({ action }) => action === 'kept');
  const citedRight = isChecked
    ? sources.some((source) => source.document === document && source.text.includes(quote ?? ''))
    : marked.some((one) => one.document === document && one.text.includes(quote ?? ''));
  return {
    ...{ mode, text, isAnswerable, isRight, isAbstention },
    hasForeignFigure: !isAbstention && figuresOf(text).some((figure) => !known.has(figure)),
    hasWrongFigure: !isRight && !isAbstention && isOwn && figuresOf(text).length > 0,
    isCitedRight: isAnswerable && citedRight,
  };
}

/** What a sentence of a passage stands under: its headings, and the head of a table. */
function aroundOf(citation: Citation | undefined): string {
  if (citation === undefined) return '';
  const heads = citation.text
    .split('\n')
    .filter((line, i, lines) => lines[i + 1]?.startsWith('| --'));
  return [citation.heading, ...heads].join('\n');
}

/** Digits, as numbers where they are one. */
export function figuresOf(text: string): string[] {
  return (text.match(/\d+(?:[.,:]\d+)*/g) ?? []).map((digits) => {
    const plain = digits.replaceAll(/,(?=\d{3}(?!\d))/g, '');
    const value = Number(plain);
    return Number.isNaN(value) ? plain : String(value);
  });
}

function plainText(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/(\d),(?=\d{3}(?!\d))/g, '$1')
    .replaceAll('°c', ' °c')
    .replaceAll(/\s+/g, ' ');
}

export function hasAnswer(text: string, answers: readonly string[]): boolean {
  const plain = plainText(text);
  return answers.some((answer) => {
    const escaped = plainText(answer).replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
    return new RegExp(String.raw`(?<![\w.])${escaped}(?!\w|\.\d)`).test(plain);
  });
}

export interface ModeReport {
  readonly mode: Mode;
  /** Number of answers. */
  readonly answers: number;
  readonly right: Estimate;
  readonly wrong: Estimate;
  readonly abstained: Estimate;
  readonly foreignFigure: Estimate;
  readonly wrongFigure: Estimate;
  /** Of the questions that a document answers. */
  readonly rightAnswerable: Estimate;
  readonly citedRight: Estimate;
  /** Of the questions that no document answers: said so. */
  readonly rightUnanswerable: Estimate;
}

export function reportOf(mode: Mode, asked: readonly Asked[]): ModeReport {
  const rows = asked.flatMap(({ judged }) => judged.filter((one) => one.mode === mode));
  const some = rows.filter(({ isAnswerable }) => isAnswerable);
  const none = rows.filter(({ isAnswerable }) => !isAnswerable);
  const of = (list: readonly Judged[], is: (one: Judged) => boolean) =>
    share(list.filter(is).length, list.length);
  return {
    mode,
    answers: rows.length,
    right: of(rows, ({ isRight }) => isRight),
    wrong: of(rows, ({ isRight, isAbstention }) => !isRight && !isAbstention),
    abstained: of(rows, ({ isAbstention }) => isAbstention),
    foreignFigure: of(rows, ({ hasForeignFigure }) => hasForeignFigure),
    wrongFigure: of(rows, ({ hasWrongFigure }) => hasWrongFigure),
    rightAnswerable: of(some, ({ isRight }) => isRight),
    citedRight: of(some, ({ isCitedRight }) => isCitedRight),
    rightUnanswerable: of(none, ({ isRight }) => isRight),
  };
}

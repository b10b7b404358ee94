/**
 * Agreement of texts with what is heard: the kit's recognition model transcribes each recording, and the words that
 * differ are counted. Texts are compared as they are spoken, so that `7` and `seven` agree.
 */
import { relative, resolve, sep } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { normalizeText } from '../../../engine/voice/normalize.ts';
import { bootstrap } from '../../eval/intervals.ts';
import { spokenWords, wordErrors } from '../../eval/word-errors.ts';
import { percent } from '../audit/shown.ts';
import { escaped } from '../output/page.ts';
import type { Problems } from '../problems.ts';
import type { Section } from '../output/section.ts';
import type { Outcome } from '../rewrite.ts';
import { provenanceOf } from '../row.ts';
import type { DataRow, Media } from '../row.ts';

/** Words of a text that are compared: the time grows with their square. */
const MAX_WORDS = 2000;
const OTHER_SCRIPTS = /[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u;
/** Pairs that the report shows. */
const MAX_WORST = 30;

/** What a recording says. @throws {EngineError} E_AUDIO_INVALID for one that cannot be heard */
export type Transcribe = (path: string) => Promise<string>;

export interface Agreement {
  readonly nWord: number;
  readonly nError: number;
  /** Errors by words of the text; may be above 1. */
  readonly rate: number;
}

export interface Heard extends Agreement {
  readonly at: string;
  readonly path: string;
  readonly text: string;
  readonly heard: string;
}

export function agreementOf(text: string, heard: string): Agreement {
  const [want, got] = [text, heard].map((one) => spokenWords(spoken(one)).slice(0, MAX_WORDS)) as [
    string[],
    string[],
  ];
  const nError = wordErrors(want, got);
  return { nWord: want.length, nError, rate: nError / Math.max(1, want.length) };
}

/** Numbers and abbreviations in words; of what is not in Latin letters as it is. */
function spoken(text: string): string {
  return OTHER_SCRIPTS.test(text) ? text : normalizeText(text).join(' ');
}

export interface RecordingOptions {
  readonly transcribe: Transcribe;
  readonly maxRate: number;
  readonly out: string;
}

/** Keeps rows of at most `maxRate` errors a word, with what was heard. */
export class RecordingAgreement {
  readonly #options: RecordingOptions;
  readonly #worst: Heard[] = [];
  readonly #all: Agreement[] = [];

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  async decide(row: DataRow & { readonly media: Media }, problems: Problems): Promise<Outcome> {
    const { transcribe, maxRate } = this.#options;
    const { media, text, file, line } = row;
    const heard = await transcribe(media.path).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.code !== 'E_AUDIO_INVALID') throw error;
      const [problem, fix] = ['cannot be heard', 'Convert the recording to WAV.'];
      problems.add({ file, line, field: 'audio', value: error.message, problem, fix });
      return null;
    });
    if (heard === null) return { dropped: 'cannot be heard' };
    const agreement = agreementOf(text, heard);
    this.#all.push(agreement);
    keepWorst(this.#worst, { at: provenanceOf(row), path: media.path, text, heard, ...agreement });
    if (agreement.rate > maxRate) return { dropped: `more than ${maxRate} errors a word` };
    return { fields: { ...row.fields, heard, word_error_rate: agreement.rate } };
  }

  /** None where no row named a recording. */
  sections(): Section[] {
    if (this.#all.length === 0) return [];
    return [agreementSection(this.#all), worstSection(this.#worst, this.#options.out)];
  }
}

/** The worst ones, worst first. */
function keepWorst(kept: Heard[], one: Heard): void {
  const at = kept.findIndex(({ rate }) => rate < one.rate);
  if (one.rate > 0) kept.splice(at < 0 ? kept.length : at, 0, one);
  if (kept.length > MAX_WORST) kept.pop();
}

/** Errors by words of all recordings together. */
function totalRate(all: readonly Agreement[]): number {
  const sum = (of: (one: Agreement) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  return (
    sum(({ nError }) => nError) /
    Math.max(
      1,
      sum(({ nWord }) => nWord),
    )
  );
}

function agreementSection(all: readonly Agreement[]): Section {
  // A rate, not a share: its interval comes from the recordings themselves.
  const { value, low, high } = bootstrap(all, totalRate);
  const shown = (rate: number): string => (100 * rate).toFixed(2);
  const total = (of: (one: Agreement) => number): string =>
    String(all.reduce((sum, one) => sum + of(one), 0));
  return {
    title: 'Agreement of texts with recordings',
    note: 'a word that is heard and not written is an error, too, so that more than 100 % is possible; the interval is that of 1,000 draws of the recordings',
    rows: [
      ['recordings', String(all.length)],
      ['words', total(({ nWord }) => nWord)],
      ['word errors', total(({ nError }) => nError)],
      ['word error rate', `${shown(value)} % [${shown(low)}, ${shown(high)}]`],
      ['without an error', percent(all.filter(({ nError }) => nError === 0).length, all.length)],
    ],
    numbers: [1],
  };
}

function worstSection(heard: readonly Heard[], out: string): Section {
  const link = (path: string): string =>
    relative(resolve(out), path).split(sep).map(encodeURIComponent).join('/');
  return {
    title: 'Recordings that agree least',
    note: `at most ${MAX_WORST}`,
    head: ['errors a word', 'recording', 'text', 'heard'],
    rows: heard.map(({ rate, at, text, heard: got }) => [rate.toFixed(2), at, text, got]),
    numbers: [0],
    extra: heard
      .map(
        ({ path, text, heard: got }) =>
          `<div class="pair"><audio controls preload="none" src="${escaped(link(path))}"></audio><pre>${escaped(text)}\n${escaped(got)}</pre></div>`,
      )
      .join('\n'),
  };
}

/**
 * Agreement of texts with what is heard: the kit's recognition model transcribes each recording, and the words that
 * differ are counted. Texts are compared as they are spoken, so that `7` and `seven` agree.
 */
import { basename, relative, resolve, sep } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { normalizeText } from '../../engine/voice/normalize.ts';
import { meanOf } from '../eval/intervals.ts';
import { spokenWords, wordErrors } from '../eval/word-errors.ts';
import { percent } from './audit/sections.ts';
import { escaped } from './output/page.ts';
import type { Problems } from './problems.ts';
import type { Operation, Outcome } from './rewrite.ts';
import { provenanceOf } from './row.ts';
import type { DataRow } from './row.ts';

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

/**
 * Keeps rows of at most `maxRate` errors a word, with what was heard.
 * @param out the report links recordings from there
 */
export function alignOperation(transcribe: Transcribe, maxRate: number, out: string): Operation {
  const heard: Heard[] = [];
  const totals = { nWord: 0, nError: 0, nRow: 0 };
  const rates: number[] = [];
  return {
    decide: async (row, _number, problems) => {
      const outcome = await hearRow(row, transcribe, problems);
      if ('dropped' in outcome) return outcome;
      totals.nRow++;
      totals.nWord += outcome.nWord;
      totals.nError += outcome.nError;
      rates.push(outcome.rate);
      keepWorst(heard, outcome);
      if (outcome.rate > maxRate) return { dropped: `more than ${maxRate} errors a word` };
      const fields = { ...row.fields, heard: outcome.heard, word_error_rate: outcome.rate };
      return { fields };
    },
    sections: () => [agreementSection(totals, rates), worstSection(heard, out)],
  };
}

async function hearRow(
  row: DataRow,
  transcribe: Transcribe,
  problems: Problems,
): Promise<Heard | (Outcome & { readonly dropped: string })> {
  const { media, text, file, line } = row;
  if (media?.kind === 'image')
    throw new EngineError(
      'E_MODEL_KIND',
      `data: align: ${basename(media.path)} is an image; expected a recording. The kit has no model yet that compares texts with images: align recordings, or filter by other means.`,
    );
  const refuse = (problem: string, value: unknown, fix: string) => {
    problems.add({ file, line, field: 'audio', value, problem, fix });
    return { dropped: problem };
  };
  if (media === null)
    return refuse(
      'names no recording',
      undefined,
      'Name it in a field audio, in a folder of recordings.',
    );
  try {
    const heard = await transcribe(media.path);
    return { at: provenanceOf(row), path: media.path, text, heard, ...agreementOf(text, heard) };
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_AUDIO_INVALID') throw error;
    return refuse('cannot be heard', error.message, 'Convert the recording to WAV.');
  }
}

/** The worst ones, worst first. */
function keepWorst(kept: Heard[], one: Heard): void {
  const at = kept.findIndex(({ rate }) => rate < one.rate);
  if (one.rate > 0) kept.splice(at < 0 ? kept.length : at, 0, one);
  if (kept.length > MAX_WORST) kept.pop();
}

function agreementSection(
  {
    nWord,
    nError,
    nRow,
  }: { readonly nWord: number; readonly nError: number; readonly nRow: number },
  rates: readonly number[],
) {
  const { value, low, high } = meanOf(rates);
  const shown = (rate: number): string => (100 * rate).toFixed(2);
  return {
    title: 'Agreement',
    rows: [
      ['recordings', String(nRow)],
      ['words', String(nWord)],
      ['word errors', String(nError)],
      ['word error rate', `${shown(nError / Math.max(1, nWord))} %`],
      [
        'mean of recordings',
        nRow === 0 ? 'unknown' : `${shown(value)} % [${shown(Math.max(0, low))}, ${shown(high)}]`,
      ],
      ['without an error', percent(rates.filter((rate) => rate === 0).length, nRow)],
    ],
    numbers: [1],
  };
}

function worstSection(heard: readonly Heard[], out: string) {
  const link = (path: string): string =>
    relative(resolve(out), path).split(sep).map(encodeURIComponent).join('/');
  return {
    title: 'Worst pairs',
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

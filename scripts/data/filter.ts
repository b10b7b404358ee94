/** Conditions on rows: a table, each entry of which is an option and why it drops a row. */
import { EngineError } from '../../engine/base/errors.ts';
import { plainWords } from '../../engine/data/shingles.ts';
import type { TextClassifier } from '../../engine/text/text-classifier.ts';
import { AGREEMENT_FIELD } from './align/pictures.ts';
import { languageOf } from './language.ts';
import { licenceKind, licenceOf } from './licences.ts';
import { worstScore } from './moderation.ts';
import { Pattern } from './pattern.ts';
import type { Operation } from './rewrite.ts';
import type { DataRow } from './row.ts';

export interface FilterOptions {
  readonly minChars?: number;
  readonly maxChars?: number;
  readonly minWords?: number;
  readonly maxWords?: number;
  /** ISO 639-1 codes. */
  readonly language?: readonly string[];
  readonly maxToxicity?: number;
  readonly minAgreement?: number;
  /** Names, or kinds such as `public domain`. */
  readonly allowLicence?: readonly string[];
  readonly match?: string;
  readonly without?: string;
}

/** What conditions need beside their value. */
export interface FilterTools {
  readonly classifier: TextClassifier | null;
  /** Of rows that name none. */
  readonly licence: string | null;
}

type Holds = (row: DataRow) => boolean;

interface Condition {
  readonly flag: string;
  readonly value: string;
  readonly why: string;
  readonly holds: Holds;
}

/** The condition of an option, if it is given. */
type MakeCondition = (options: FilterOptions, tools: FilterTools) => Condition | null;

/** @param why what a row that fails it is counted as */
function condition<Name extends keyof FilterOptions>(
  name: Name,
  why: string,
  make: (value: NonNullable<FilterOptions[Name]>, tools: FilterTools) => Holds,
): MakeCondition {
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return (options, tools) => {
    const value = options[name];
    if (value === undefined) return null;
    return { flag, value: String(value), why, holds: make(value, tools) };
  };
}

/** In the order in which a row is judged: what costs least comes first. */
const CONDITIONS: readonly MakeCondition[] = [
  condition(
    'minChars',
    'too short',
    (n) =>
      ({ text }) =>
        text.length >= n,
  ),
  condition(
    'maxChars',
    'too long',
    (n) =>
      ({ text }) =>
        text.length <= n,
  ),
  condition(
    'minWords',
    'too few words',
    (n) =>
      ({ text }) =>
        plainWords(text).length >= n,
  ),
  condition(
    'maxWords',
    'too many words',
    (n) =>
      ({ text }) =>
        plainWords(text).length <= n,
  ),
  condition('minAgreement', 'text and picture agree too little', (least) => ({ fields }) => {
    const agreement = fields[AGREEMENT_FIELD];
    return typeof agreement === 'number' && agreement >= least;
  }),
  condition('allowLicence', 'licence not allowed', (names, { licence }) => {
    const allowed = new Set(names.map((name) => name.toLowerCase()));
    return (row) => {
      const name = licenceOf(row, licence);
      return allowed.has(name.toLowerCase()) || allowed.has(licenceKind(name));
    };
  }),
  condition('match', 'no match', (source) => {
    const pattern = new Pattern(source, '--match');
    return ({ text }) => pattern.test(text);
  }),
  condition('without', 'unwanted match', (source) => {
    const pattern = new Pattern(source, '--without');
    return ({ text }) => !pattern.test(text);
  }),
  condition('language', 'another language', (codes) => {
    const wanted = new Set(codes);
    return ({ text }) => wanted.has(languageOf(text));
  }),
  condition('maxToxicity', 'too toxic', (most, { classifier }) => {
    if (classifier === null)
      throw new EngineError('E_INTERNAL', 'filter: no classifier was loaded');
    return ({ text }) => worstScore(classifier, text) <= most;
  }),
];

/** @throws {EngineError} E_USAGE without a condition, E_REQUEST_INVALID for a pattern that is not regular */
export function filterOperation(options: FilterOptions, tools: FilterTools): Operation {
  const conditions = CONDITIONS.map((make) => make(options, tools)).filter((one) => one !== null);
  if (conditions.length === 0)
    throw new EngineError(
      'E_USAGE',
      'data: filter: expected a condition, got none. Give one, such as --min-chars 20; thimble data filter --help lists them.',
    );
  return {
    decide: (row) => {
      const failed = conditions.find(({ holds }) => !holds(row));
      return failed === undefined ? { fields: row.fields } : { dropped: failed.why };
    },
    sections: () => [
      {
        title: 'Conditions',
        note: 'a row that fails several is counted at the first',
        head: ['option', 'value', 'a row that fails it'],
        rows: conditions.map(({ flag, value, why }) => [flag, value, why]),
      },
    ],
  };
}

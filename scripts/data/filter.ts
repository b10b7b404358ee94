/** Conditions on rows: a table, each entry of which is an option and why it drops a row. */
import { EngineError } from '../../engine/base/errors.ts';
import { plainWords } from '../../engine/data/shingles.ts';
import type { TextClassifier } from '../../engine/text/text-classifier.ts';
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
  /** Names, or kinds such as `public domain`. */
  readonly allowLicence?: readonly string[];
  readonly match?: string;
  readonly noMatch?: string;
}

/** What conditions need beside their value. */
export interface FilterTools {
  readonly classifier: TextClassifier | null;
  /** Of rows that name none. */
  readonly licence: string | null;
}

type Holds = (row: DataRow) => boolean;

const CONDITIONS: {
  readonly [Name in keyof FilterOptions]-?: {
    readonly why: string;
    readonly make: (value: NonNullable<FilterOptions[Name]>, tools: FilterTools) => Holds;
  };
} = {
  minChars: { why: 'too short', make: (n) => ({ text }) => text.length >= n },
  maxChars: { why: 'too long', make: (n) => ({ text }) => text.length <= n },
  minWords: { why: 'too few words', make: (n) => ({ text }) => plainWords(text).length >= n },
  maxWords: { why: 'too many words', make: (n) => ({ text }) => plainWords(text).length <= n },
  allowLicence: {
    why: 'licence not allowed',
    make: (names, { licence }) => {
      const allowed = new Set(names.map((name) => name.toLowerCase()));
      return (row) => {
        const name = licenceOf(row, licence);
        return allowed.has(name.toLowerCase()) || allowed.has(licenceKind(name));
      };
    },
  },
  match: {
    why: 'no match',
    make: (source) => {
      const pattern = new Pattern(source, '--match');
      return ({ text }) => pattern.test(text);
    },
  },
  noMatch: {
    why: 'unwanted match',
    make: (source) => {
      const pattern = new Pattern(source, '--no-match');
      return ({ text }) => !pattern.test(text);
    },
  },
  language: {
    why: 'another language',
    make: (codes) => {
      const wanted = new Set(codes);
      return ({ text }) => wanted.has(languageOf(text));
    },
  },
  maxToxicity: {
    why: 'too toxic',
    make:
      (most, { classifier }) =>
      ({ text }) =>
        classifier !== null && worstScore(classifier, text) <= most,
  },
};

/** @throws {EngineError} E_USAGE without a condition, E_REQUEST_INVALID for a pattern that is not regular */
export function filterOperation(options: FilterOptions, tools: FilterTools): Operation {
  const conditions = (Object.keys(CONDITIONS) as (keyof FilterOptions)[]).flatMap((name) =>
    conditionOf(name, options, tools),
  );
  if (conditions.length === 0)
    throw new EngineError(
      'E_USAGE',
      'data: filter: expected a condition, got none. Give one, such as --min-chars 20; thimble data filter --help lists them.',
    );
  return {
    name: 'filter',
    decide: (row) => {
      const failed = conditions.find(({ holds }) => !holds(row));
      return failed === undefined ? { fields: row.fields } : { dropped: failed.why };
    },
    sections: () => [
      {
        title: 'Conditions',
        note: 'a row that fails several is counted at the first',
        rows: conditions.map(({ name, value, why }) => [name, value, why]),
      },
    ],
  };
}

interface Condition {
  readonly name: string;
  readonly value: string;
  readonly why: string;
  readonly holds: Holds;
}

function conditionOf<Name extends keyof FilterOptions>(
  name: Name,
  options: FilterOptions,
  tools: FilterTools,
): Condition[] {
  const value = options[name];
  if (value === undefined) return [];
  const { why, make } = CONDITIONS[name];
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return [{ name: flag, value: String(value), why, holds: make(value, tools) }];
}

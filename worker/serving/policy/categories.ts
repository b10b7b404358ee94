/**
 * What texts are judged for, and how a text is changed instead of refused. Who judges is a row of DETECTORS; a
 * category whose texts can be changed has a row in REDACTORS: one that knows places in a text (addresses, say)
 * replaces them, one that judges a text as a whole replaces all of it.
 */
import { judgeText } from './text-judge.ts';
import type { Verdicts } from './text-judge.ts';

export interface Detector {
  readonly categories: readonly string[];
  /** @throws {EngineError} E_POLICY_UNAVAILABLE */
  readonly judge: (text: string) => Promise<Verdicts>;
}

/** The text without what it was redacted for. */
export type Redactor = (text: string) => string;

export const TEXT_CATEGORIES = ['hate', 'offensive'] as const;

export const DETECTORS: readonly Detector[] = [{ categories: TEXT_CATEGORIES, judge: judgeText }];

const REMOVED = '[removed]';
const removeAll: Redactor = () => REMOVED;
export const REDACTORS: Readonly<Record<string, Redactor>> = {
  hate: removeAll,
  offensive: removeAll,
};

export const CATEGORY_NAMES: readonly string[] = DETECTORS.flatMap(({ categories }) => categories);

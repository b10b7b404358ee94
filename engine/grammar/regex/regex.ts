/** A pattern as a grammar: the whole output has to match it. */
import { Budget } from '../build/budget.ts';
import { GrammarBuilder } from '../build/builder.ts';
import type { Grammar } from '../grammar.ts';
import { parseRegex } from './regex-parse.ts';
import { textDfa } from '../build/text-dfa.ts';

/**
 * @param pattern the regular part of ECMAScript's syntax; anchors at its ends are implied
 * @param param the request's field, for errors
 * @throws {EngineError} E_REQUEST_INVALID when it is not regular, too large, or matches nothing
 */
export function compileRegex(pattern: string, param = 'regex'): Grammar {
  const budget = new Budget(param);
  const builder = new GrammarBuilder(budget);
  const dfa = textDfa(parseRegex(pattern, budget), budget);
  return builder.finish(builder.textDfa(dfa, 'utf8'), 'the pattern matches no text');
}

/**
 * An answer over passages, checked sentence by sentence before it is passed on: a stream shows checked sentences only.
 * Numbers of passages such as [1] are put by the system, after sentences that a passage supports.
 */
import { inTurns } from '../../../engine/base/turns.ts';
import { ClaimReader } from '../../../engine/text/facts/claims.ts';
import { Evidence } from '../../../engine/text/facts/evidence.ts';
import type { CheckedFact, Verdict } from '../../../engine/text/facts/evidence.ts';
import { readable } from '../../../engine/text/facts/parts.ts';
import type { EvidenceSpan, PassageText } from '../../../engine/text/facts/spans.ts';
import { takeTurn } from '../../platform/turns.ts';
import { type Delta, isOf } from '../generation/run-generation.ts';
import type { OtherDelta } from '../redaction/restore-output.ts';
import type { Check } from './policy.ts';

/** What an answer says of which nothing is left. */
export const NOTHING_SAID = 'The documents do not say.';

const MARKS = /\s?\[\d{1,2}\]/g;
/** A model that says it has no answer. */
const HAS_NO_ANSWER =
  /\b(?:documents?|passages?|texts?|context)\b.{0,40}\b(?:do|does) not\b|\bnot (?:mentioned|specified|provided|stated)\b|\b(?:do not|don't|does not) know\b/i;

export interface Claim {
  readonly choice: number;
  /** Place in the answer's text; empty for what was left out. */
  readonly start: number;
  readonly end: number;
  readonly verdict: Verdict;
  readonly action: 'kept' | 'quoted' | 'dropped';
  /** What the model wrote. */
  readonly said: string;
  readonly facts: readonly (CheckedFact & { readonly text: string })[];
  readonly sources: readonly EvidenceSpan[];
}

/** Checks the answers to one question over passages. */
export class AnswerCheck {
  readonly check: Check;
  readonly claims: Claim[] = [];
  readonly #evidence: Evidence;

  private constructor(check: Check, evidence: Evidence) {
    this.check = check;
    this.#evidence = evidence;
  }

  /** Null where nothing is to be checked. */
  static async over(
    check: Check,
    passages: readonly PassageText[],
    question: string,
  ): Promise<AnswerCheck | null> {
    if (check === 'off') return null;
    return new AnswerCheck(check, await inTurns(Evidence.read(passages, question), takeTurn));
  }

  /** Deltas of all choices; text passes in checked sentences. */
  async *pass<Other extends OtherDelta = never>(
    deltas: AsyncIterable<Delta | Other>,
  ): AsyncGenerator<Delta | Other, void, void> {
    const open = new Map<number, Checked>();
    for await (const delta of deltas) {
      const { choice } = delta;
      const checked =
        open.get(choice) ?? new Checked(this.check, this.#evidence, choice, this.claims);
      open.set(choice, checked);
      if (isOf(delta, 'text')) {
        checked.tokens.push(...delta.tokens);
        for (const text of checked.push(delta.text)) yield { ...delta, ...checked.part(text) };
        continue;
      }
      if (isOf(delta, 'done'))
        for (const text of checked.end(delta.reason !== 'content_filter'))
          yield { type: 'text', choice, ...checked.part(text) };
      yield delta;
    }
  }
}

/** Deltas as they are, or checked. */
export function checked<Other extends OtherDelta = never>(
  check: AnswerCheck | null | undefined,
  deltas: AsyncGenerator<Delta | Other, void, void>,
): AsyncGenerator<Delta | Other, void, void> {
  return check == null ? deltas : check.pass(deltas);
}

type TextDelta = Extract<Delta, { type: 'text' }>;

/** The text of one choice. */
class Checked {
  readonly tokens: TextDelta['tokens'][number][] = [];
  readonly #check: Check;
  readonly #evidence: Evidence;
  readonly #choice: number;
  readonly #claims: Claim[];
  readonly #reader = new ClaimReader();
  readonly #quoted = new Set<string>();
  #length = 0;
  #hasText = false;

  constructor(check: Check, evidence: Evidence, choice: number, claims: Claim[]) {
    this.#check = check;
    this.#evidence = evidence;
    this.#choice = choice;
    this.#claims = claims;
  }

  push(text: string): string[] {
    if (text !== '') this.#hasText = true;
    return this.#settleAll(this.#reader.push(text));
  }

  /** @param mayAdd whether an answer of which nothing is left says so */
  end(mayAdd: boolean): string[] {
    const texts = this.#settleAll(this.#reader.end());
    if (this.#length > 0 || !this.#hasText || !mayAdd) return texts;
    this.#length = NOTHING_SAID.length;
    return [...texts, NOTHING_SAID];
  }

  /** A text with the tokens that were made for it and for what was left out before it. */
  part(text: string): Pick<TextDelta, 'text' | 'tokens'> {
    return { text, tokens: this.tokens.splice(0) };
  }

  #settleAll(claims: readonly string[]): string[] {
    return claims.map((claim) => this.#settle(claim)).filter((text) => text !== '');
  }

  /** What passes in the place of a claim; '' for nothing. */
  #settle(claim: string): string {
    const said = claim.replaceAll(MARKS, '').trim();
    if (!/[\p{L}\p{N}]/u.test(said)) return '';
    const { facts, isSupported, isAmbiguous, sources } = this.#evidence.check(
      said,
      this.#length === 0,
    );
    const worst: Verdict = facts.some(({ verdict }) => verdict === 'contradicted')
      ? 'contradicted'
      : 'unsupported';
    const settled = this.#choose(said, isSupported, isAmbiguous, sources);
    const [lead = ''] = this.#length === 0 ? [''] : (/^\s+/.exec(claim) ?? [' ']);
    const marks = [...new Set(settled.sources.map(({ passage }) => ` [${passage + 1}]`))].join('');
    const text = settled.text === '' ? '' : `${lead}${settled.text}${marks}`;
    const start = this.#length + (text === '' ? 0 : lead.length);
    this.#claims.push({
      choice: this.#choice,
      ...{ start, end: start + settled.text.length, said, action: settled.action },
      verdict: isSupported ? 'supported' : worst,
      facts: facts.map((fact) => ({ ...fact, text: said.slice(fact.start, fact.end) })),
      sources: settled.sources,
    });
    this.#length += text.length;
    return text;
  }

  #choose(
    said: string,
    isSupported: boolean,
    isAmbiguous: boolean,
    sources: readonly EvidenceSpan[],
  ): Pick<Claim, 'action' | 'sources'> & { readonly text: string } {
    const kept = { action: 'kept' as const, text: said, sources };
    const dropped = { action: 'dropped' as const, text: '', sources: [] };
    if (this.#check === 'mark') return kept;
    if (this.#check === 'drop') return isSupported ? kept : dropped;
    const hasNone = HAS_NO_ANSWER.test(said);
    if (isSupported && !isAmbiguous && !hasNone) return kept;
    const quote = isSupported && isAmbiguous ? sources[0]! : this.#evidence.quote();
    if (quote === null) return hasNone ? kept : dropped;
    const text = readable(quote);
    if (this.#quoted.has(text)) return dropped;
    this.#quoted.add(text);
    return { action: 'quoted', text, sources: [quote] };
  }
}

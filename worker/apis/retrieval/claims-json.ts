/** Claims of an answer as JSON, with their sources' places in the documents. */
import type { z } from 'zod';
import type { claimSchema } from '../../serving/fields/answers.ts';
import type { Claim } from '../../serving/grounding/check-claims.ts';
import type { Citation } from './retrieve.ts';

export type ClaimJson = z.output<typeof claimSchema>;

export function claimsJson(claims: readonly Claim[], citations: readonly Citation[]): ClaimJson[] {
  return claims.map(({ choice, start, end, verdict, action, said, facts, sources }) => ({
    ...{ choice, start, end, verdict, action, said },
    facts: facts.map(({ text, kind, verdict: one }) => ({ text, kind, verdict: one })),
    sources: sources.flatMap(({ passage, start: from, end: to, text }) => {
      const citation = citations[passage];
      if (citation === undefined) return [];
      const { index, document, location } = citation;
      // Of HTML the passage is not a part of what was sent: its place is that of the passage.
      const isPart = citation.end - citation.start === citation.text.length;
      const place = isPart
        ? { start: citation.start + from, end: citation.start + to }
        : { start: citation.start, end: citation.end };
      return [{ index, document, ...place, text, location }];
    }),
  }));
}

/** Rows without those that repeat an earlier one. */
import { DuplicateFinder, showPairs } from './duplicates.ts';
import type { Duplicate } from './duplicates.ts';
import { pairsHtml } from './output/section.ts';
import { MediaFiles } from './media/media-files.ts';
import type { InputOptions } from './readers/index.ts';
import type { Operation } from './rewrite.ts';

/** Pairs that the report shows. */
const MAX_PAIRS = 20;

/** @param similarity from which two texts are near duplicates; null to drop equal ones alone, of equal pictures and recordings */
export function dedupeOperation(input: InputOptions, similarity: number | null): Operation {
  const finder = new DuplicateFinder(similarity);
  const files = new MediaFiles({ looks: similarity !== null, openSound: null });
  const pairs: Duplicate[] = [];
  return {
    decide: async (row, number) => {
      const found = finder.add(row.text, number, await files.identityOf(row));
      if (found === null) return { fields: row.fields };
      if (pairs.length < MAX_PAIRS) pairs.push(found);
      return { dropped: found.kind === 'exact' ? 'exact duplicate' : 'near duplicate' };
    },
    sections: async () => {
      const shown = await showPairs(pairs, input);
      return [
        {
          title: 'Pairs',
          note: `the first ${MAX_PAIRS}; the earlier row stays`,
          head: ['kind', 'kept', 'dropped', 'similarity'],
          rows: shown.map(({ kind, first, second, similarity: exact }) => [
            ...[kind, first.at, second.at, exact.toFixed(2)],
          ]),
          numbers: [3],
          extra: pairsHtml(shown),
        },
      ];
    },
  };
}

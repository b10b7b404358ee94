/** How high the passage with the answer comes in searches of the documents that `eval answers` asks about. */
import { askServer, serverAddress } from '../lib/ask-server.ts';
import { COLLECTION } from './answers.ts';
import type { Question } from './answers.ts';
import { meanOf, share } from './intervals.ts';
import type { Estimate } from './intervals.ts';

/** Passages that are looked at: the same as are ranked again. */
const LOOKED_AT = 20;

/** A way to search: the fields of a search's body. */
export interface SearchWay {
  readonly mode: string;
  /** Id of a model that ranks the best passages again. */
  readonly rerank?: string;
}

export interface RankReport extends SearchWay {
  /** Name of the questions, and how many a document answers. */
  readonly set: string;
  readonly questions: number;
  readonly first: Estimate;
  readonly firstTwo: Estimate;
  readonly firstThree: Estimate;
  /** Mean of 1 / rank of the first passage with the answer; 0 where none is among those looked at. */
  readonly reciprocalRank: Estimate;
}

interface Hit {
  readonly document: string;
  readonly text: string;
}

/** Rank, from 1, of the first passage with the answer; null where none is found. */
export async function rankOf(
  url: string,
  { question, document, quote }: Question,
  way: SearchWay,
): Promise<number | null> {
  const path = `/v1/collections/${COLLECTION}/search`;
  const body = { query: question, top_k: LOOKED_AT, ...way };
  const found = await askServer(serverAddress(url, path, 'eval'), body);
  const rank = (found['data'] as readonly Hit[]).findIndex(
    (hit) => hit.document === document && hit.text.includes(quote ?? ''),
  );
  return rank < 0 ? null : rank + 1;
}

export function rankReport(
  set: string,
  way: SearchWay,
  ranks: readonly (number | null)[],
): RankReport {
  const within = (n: number) =>
    share(ranks.filter((rank) => rank !== null && rank <= n).length, ranks.length);
  return {
    ...{ set, ...way, questions: ranks.length },
    first: within(1),
    firstTwo: within(2),
    firstThree: within(3),
    reciprocalRank: meanOf(ranks.map((rank) => (rank === null ? 0 : 1 / rank))),
  };
}

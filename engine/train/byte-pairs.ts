/**
 * Learns byte pair merges from words (arXiv 1508.07909): the most frequent pair of neighbours becomes a token, again and
 * again. Of pairs that are as frequent, the one with the smaller ids is first, as in Hugging Face's trainer.
 */

export interface Merges {
  /** Pairs of pieces, in the order in which they are merged. */
  readonly merges: readonly (readonly [string, string])[];
}

/** Ids are below 2^26, so that a pair of them is a whole number that a double holds. */
const PAIR_BASE = 2 ** 26;

interface Word {
  ids: number[];
  readonly count: number;
}

interface Candidate {
  readonly pair: number;
  count: number;
  /** Words that have the pair, or had it. */
  readonly words: ReadonlySet<number>;
}

/**
 * @param words how often each occurs; their letters are pieces of `pieces`
 * @param pieces what there is before the first merge, by its id
 * @param nPiece pieces to end with; fewer where no pair occurs any more
 */
export function learnMerges(
  words: ReadonlyMap<string, number>,
  pieces: readonly string[],
  nPiece: number,
): Merges {
  const texts = [...pieces];
  const idOf = new Map(texts.map((text, id) => [text, id]));
  const all: Word[] = [...words].map(([text, count]) => ({
    ids: Array.from(text, (letter) => idOf.get(letter)!),
    count,
  }));
  const counts = new Map<number, number>();
  const places = new Map<number, Set<number>>();
  for (const [i, { ids, count }] of all.entries())
    for (let at = 0; at + 1 < ids.length; at++) {
      const pair = pairOf(ids[at]!, ids[at + 1]!);
      counts.set(pair, (counts.get(pair) ?? 0) + count);
      (places.get(pair) ?? placed(places, pair)).add(i);
    }
  const queue = new Queue();
  for (const [pair, words] of places) queue.push({ pair, count: counts.get(pair)!, words });

  const merges: (readonly [string, string])[] = [];
  while (texts.length < nPiece) {
    const top = queue.pop();
    if (top === undefined) break;
    const count = counts.get(top.pair) ?? 0;
    if (count !== top.count) {
      // It was queued with the count that it had then.
      if (count > 0) queue.push({ ...top, count });
      continue;
    }
    if (count < 1) break;
    const [a, b] = [Math.floor(top.pair / PAIR_BASE), top.pair % PAIR_BASE];
    const text = texts[a]! + texts[b]!;
    const id = idOf.get(text) ?? texts.push(text) - 1;
    idOf.set(text, id);
    merges.push([texts[a]!, texts[b]!]);
    const changed = new Map<number, Set<number>>();
    for (const i of top.words) {
      const word = all[i]!;
      merge(word, a, b, id, (pair, change) => {
        counts.set(pair, (counts.get(pair) ?? 0) + change * word.count);
        if (change > 0) (changed.get(pair) ?? placed(changed, pair)).add(i);
      });
    }
    for (const [pair, words] of changed) {
      const now = counts.get(pair) ?? 0;
      if (now > 0) queue.push({ pair, count: now, words });
    }
  }
  return { merges };
}

const pairOf = (a: number, b: number): number => a * PAIR_BASE + b;

function placed(places: Map<number, Set<number>>, pair: number): Set<number> {
  const words = new Set<number>();
  places.set(pair, words);
  return words;
}

/** Replaces a pair in a word, and says which pairs came and went beside it. */
function merge(
  word: Word,
  a: number,
  b: number,
  id: number,
  onChange: (pair: number, change: 1 | -1) => void,
): void {
  const { ids } = word;
  for (let at = 0; at + 1 < ids.length; at++) {
    if (ids[at] !== a || ids[at + 1] !== b) continue;
    const [before, after] = [ids[at - 1], ids[at + 2]];
    if (before !== undefined) {
      onChange(pairOf(before, a), -1);
      onChange(pairOf(before, id), 1);
    }
    if (after !== undefined) {
      onChange(pairOf(b, after), -1);
      onChange(pairOf(id, after), 1);
    }
    ids.splice(at, 2, id);
  }
}

/** A heap: the most frequent pair first, of equals that of the smaller ids. */
class Queue {
  readonly #heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.push(candidate) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  pop(): Candidate | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let first = at;
      if (left < heap.length && isBefore(heap[left]!, heap[first]!)) first = left;
      if (right < heap.length && isBefore(heap[right]!, heap[first]!)) first = right;
      if (first === at) return top;
      [heap[at], heap[first]] = [heap[first]!, heap[at]!];
      at = first;
    }
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.count !== b.count ? a.count > b.count : a.pair < b.pair;
}

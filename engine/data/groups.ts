/**
 * Whom English texts speak of: words that name groups of people, and the words near them. Lists are short and of
 * plain words; a count says how often a group is named, never who wrote a text.
 */
import { plainWords } from './shingles.ts';

/** Words that name a group, by its name, grouped by what they tell apart. Lower case, single words. */
export const GROUP_TERMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  gender: {
    women:
      'she her hers herself woman women girl girls lady ladies mother mothers mom moms mum daughter daughters sister sisters wife wives grandma grandmother aunt queen princess female females',
    men: 'he him his himself man men boy boys gentleman gentlemen father fathers dad dads son sons brother brothers husband husbands grandpa grandfather uncle king prince male males',
    'transgender and nonbinary people': 'transgender transsexual trans nonbinary genderqueer',
  },
  age: {
    children: 'child children kid kids baby babies toddler toddlers',
    'old people': 'elderly senior seniors pensioner pensioners grandparents',
  },
  religion: {
    Christians: 'christian christians christianity catholic catholics church',
    Muslims: 'muslim muslims islam islamic mosque',
    Jews: 'jew jews jewish judaism synagogue',
    Hindus: 'hindu hindus hinduism',
    Buddhists: 'buddhist buddhists buddhism',
  },
  origin: {
    Africans: 'african africans nigerian nigerians kenyan kenyans',
    Asians: 'asian asians chinese japanese korean koreans indian indians vietnamese',
    Europeans: 'european europeans german germans french british english italian italians',
    'Latin Americans': 'latino latina latinos latinas hispanic hispanics mexican mexicans',
    'Middle Easterners': 'arab arabs arabic iranian iranians turkish turks',
    immigrants: 'immigrant immigrants migrant migrants refugee refugees',
  },
  'sexual orientation': {
    'gay, lesbian and bisexual people':
      'gay gays lesbian lesbians bisexual bisexuals homosexual homosexuals queer',
  },
  disability: {
    'disabled people': 'disabled disability deaf blind wheelchair autistic autism',
  },
};

/** Words on each side of a name that count as near it. */
const WINDOW = 6;
/** Different words that are counted; later new ones are not. */
const MAX_WORDS = 200_000;
/** Seldom words say little about a group. */
const MIN_NEAR = 5;
/** A word has to be this much more frequent near a group than elsewhere (log-likelihood ratio, p < 0.001). */
const MIN_SCORE = 10.83;
const MIN_RATIO = 1.5;
/** Words with letters, of this length at least. */
const NEAR_WORD = /^(?=.*\p{L}).{3,}$/u;

export interface NearWord {
  readonly word: string;
  /** Times it stands near the group's names. */
  readonly count: number;
  /** How many times as frequent as in all texts. */
  readonly ratio: number;
}

export interface GroupCount {
  readonly axis: string;
  readonly group: string;
  /** Texts that name the group. */
  readonly nText: number;
  /** Of these, those that were marked. */
  readonly nMarked: number;
  readonly near: readonly NearWord[];
}

const GROUPS = Object.entries(GROUP_TERMS).flatMap(([axis, groups]) =>
  Object.entries(groups).map(([group, words]) => ({ axis, group, words: words.split(' ') })),
);
const GROUP_OF = new Map(GROUPS.flatMap(({ words }, i) => words.map((word) => [word, i] as const)));

/** The groups that a text names, in the order of the table. */
export function namedGroups(text: string): string[] {
  const named = new Set(plainWords(text).flatMap((word) => GROUP_OF.get(word) ?? []));
  return [...named].sort((a, b) => a - b).map((i) => GROUPS[i]!.group);
}

export class GroupCounter {
  readonly #all = new Map<string, number>();
  #nWord = 0;
  readonly #groups = GROUPS.map(() => ({
    nText: 0,
    nMarked: 0,
    nNear: 0,
    near: new Map<string, number>(),
  }));

  /** @param isMarked whether the text is to be counted as marked, such as flagged as toxic */
  add(text: string, isMarked: boolean): void {
    const words = plainWords(text);
    const named = new Set<number>();
    for (const word of words) count(this.#all, word);
    this.#nWord += words.length;
    for (const [at, word] of words.entries()) {
      const i = GROUP_OF.get(word);
      if (i === undefined) continue;
      named.add(i);
      this.#addNear(i, words.slice(Math.max(0, at - WINDOW), at));
      this.#addNear(i, words.slice(at + 1, at + 1 + WINDOW));
    }
    for (const i of named) {
      const group = this.#groups[i]!;
      group.nText++;
      if (isMarked) group.nMarked++;
    }
  }

  /** Every group in the order of the table, with the words that stand near it most markedly. */
  counts(nNear: number): GroupCount[] {
    return GROUPS.map(({ axis, group }, i) => ({
      ...{ axis, group, nText: this.#groups[i]!.nText, nMarked: this.#groups[i]!.nMarked },
      near: this.#nearOf(i).slice(0, nNear),
    }));
  }

  #addNear(i: number, words: readonly string[]): void {
    const group = this.#groups[i]!;
    for (const word of words) {
      group.nNear++;
      if (NEAR_WORD.test(word) && GROUP_OF.get(word) !== i) count(group.near, word);
    }
  }

  #nearOf(i: number): NearWord[] {
    const { near, nNear } = this.#groups[i]!;
    return [...near]
      .flatMap(([word, n]) => {
        const all = this.#all.get(word) ?? n;
        const ratio = n / nNear / (all / this.#nWord);
        const score = logLikelihoodRatio(n, nNear, all, this.#nWord);
        return n >= MIN_NEAR && ratio >= MIN_RATIO && score > MIN_SCORE
          ? [{ word, count: n, ratio, score }]
          : [];
      })
      .sort((a, b) => b.score - a.score || (a.word < b.word ? -1 : 1))
      .map(({ word, count: n, ratio }) => ({ word, count: n, ratio }));
  }
}

function count(counts: Map<string, number>, word: string): void {
  const n = counts.get(word);
  if (n !== undefined || counts.size < MAX_WORDS) counts.set(word, (n ?? 0) + 1);
}

/** Dunning 1993, of a word `n` times among `nNear` words, against `all` times among `nWord`. */
function logLikelihoodRatio(n: number, nNear: number, all: number, nWord: number): number {
  const part = (observed: number, expected: number): number =>
    observed === 0 ? 0 : observed * Math.log(observed / expected);
  return 2 * (part(n, (all * nNear) / nWord) + part(nNear - n, nNear - (all * nNear) / nWord));
}

/** Right answers, counted by kind and, where answers belong to somebody, by whom. */
import type { Answer } from './example.ts';
import type { Source } from './sources/source.ts';

export interface Count {
  readonly right: number;
  readonly asked: number;
}

export interface Score extends Count {
  readonly source: string;
  readonly kind: string;
  /** What the most frequent answer to the question's words, or to its kind, would get: a part from 0 to 1. */
  readonly unbound: number | null;
  /** By speakers, for answers that have one. */
  readonly groups?: Readonly<Record<string, Count>>;
}

export class ScoreCounter {
  readonly #source: Pick<Source, 'name' | 'unbound'>;
  readonly #kinds = new Map<string, { all: Count; groups: Map<string, Count> }>();

  constructor(source: Pick<Source, 'name' | 'unbound'>) {
    this.#source = source;
  }

  add({ kind, group }: Pick<Answer, 'kind' | 'group'>, isRight: boolean): void {
    const before = this.#kinds.get(kind) ?? { all: NONE, groups: new Map<string, Count>() };
    const { groups } = before;
    if (group !== undefined) groups.set(group, more(groups.get(group) ?? NONE, isRight));
    this.#kinds.set(kind, { all: more(before.all, isRight), groups });
  }

  scores(): Score[] {
    const { name, unbound } = this.#source;
    return [...this.#kinds].map(([kind, { all, groups }]) => ({
      ...{ source: name, kind, ...all, unbound: unbound.get(kind) ?? null },
      ...(groups.size === 0 ? {} : { groups: Object.fromEntries(groups) }),
    }));
  }
}

const NONE: Count = { right: 0, asked: 0 };

const more = ({ right, asked }: Count, isRight: boolean): Count => ({
  right: right + (isRight ? 1 : 0),
  asked: asked + 1,
});

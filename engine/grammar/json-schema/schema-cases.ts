/**
 * Opens a schema into its cases: every way of choosing a branch of each anyOf and oneOf, with all
 * that allOf and $ref add. Objects' members and arrays' items stay closed; they are schemas of
 * their own.
 */
import type { Budget } from '../build/budget.ts';
import { canonical, readKeywords } from './schema-keywords.ts';
import { NO_FACTS } from './schema-facts.ts';
import type { Facts } from './schema-facts.ts';
import { below, isObject, memberOf, refuseAt, resolveReference } from './schema-place.ts';
import type { JsonObject, Place } from './schema-place.ts';

/** Cases of one schema. */
export const MAX_CASES = 1024;

/** Most schemas that one value leads through by $ref, allOf, anyOf and oneOf. */
export const MAX_TRAIL = 256;

/** Whether no value can satisfy both; false where that is not known. */
export type Excludes = (a: Facts, b: Facts) => boolean;

export class CaseReader {
  readonly #root: Place;
  readonly #budget: Budget;
  readonly #excludes: Excludes;
  /** By pointers of the places: results are asked for often, most of all by oneOf. */
  readonly #known = new Map<string, readonly Facts[]>();
  #isWriting = false;

  constructor(root: Place, budget: Budget, excludes: Excludes) {
    this.#root = root;
    this.#budget = budget;
    this.#excludes = excludes;
  }

  /**
   * Cases of a value that has to satisfy all of `places`; none when nothing can. While schemas are
   * only compared, oneOf is read as anyOf: whether it can be honoured is asked where it is written.
   * @throws {EngineError} E_REQUEST_INVALID naming the place
   */
  casesOf(places: readonly Place[], purpose: 'write' | 'compare' = 'compare'): readonly Facts[] {
    this.#isWriting = purpose === 'write';
    const key = [purpose, ...places.map(({ pointer }) => pointer)].join('\n');
    let cases = this.#known.get(key);
    if (cases === undefined) {
      cases = places
        .reduce<readonly Facts[]>((facts, place) => this.#add(facts, place, []), [NO_FACTS])
        .filter(isPossible);
      this.#known.set(key, cases);
    }
    return cases;
  }

  #add(cases: readonly Facts[], place: Place, trail: readonly string[]): readonly Facts[] {
    this.#budget.spend(10 * (1 + cases.length));
    const { value } = place;
    if (value === true || cases.length === 0) return cases;
    if (value === false) return [];
    if (!isObject(value))
      throw refuseAt(this.#budget, place, 'expected a schema', 'Write an object, true or false.');
    if (trail.includes(place.pointer))
      throw refuseAt(
        this.#budget,
        place,
        'the schema leads back to itself with nothing between',
        'Let the recursion go through a property or an item.',
      );
    if (trail.length >= MAX_TRAIL)
      throw refuseAt(
        this.#budget,
        place,
        `more than ${MAX_TRAIL} schemas lead to one another with nothing between`,
        'Refer to the last of them at once.',
      );
    this.#checkId(value, place);
    const inner = [...trail, place.pointer];
    const own = cases.map((facts) => readKeywords(facts, place, this.#budget));
    const referred = Object.hasOwn(value, '$ref')
      ? this.#add(own, resolveReference(this.#root, below(place, '$ref'), this.#budget), inner)
      : own;
    const all = this.#branches(value, place, 'allOf').reduce(
      (facts, branch) => this.#add(facts, branch, inner),
      referred,
    );
    const any = this.#addAny(all, this.#branches(value, place, 'anyOf'), inner);
    const ones = this.#branches(value, place, 'oneOf');
    if (this.#isWriting) this.#checkOneOf(ones, place, inner);
    return this.#addAny(any, ones, inner);
  }

  #addAny(
    cases: readonly Facts[],
    branches: readonly Place[],
    trail: readonly string[],
  ): readonly Facts[] {
    if (branches.length === 0) return cases;
    const opened = branches.flatMap((branch) => this.#add(cases, branch, trail)).filter(isPossible);
    if (opened.length > MAX_CASES)
      throw refuseAt(
        this.#budget,
        branches[0]!,
        `the schema has more than ${MAX_CASES} cases`,
        'Use fewer anyOf and oneOf within each other.',
      );
    return opened;
  }

  /** oneOf is anyOf where no value can satisfy two branches; else it cannot be decided here. */
  #checkOneOf(branches: readonly Place[], place: Place, trail: readonly string[]): void {
    const cases = branches.map((branch) => this.#add([NO_FACTS], branch, trail).filter(isPossible));
    for (let b = 1; b < cases.length; b++) {
      for (let a = 0; a < b; a++) {
        this.#budget.spend(20 * cases[a]!.length * cases[b]!.length);
        const apart = cases[a]!.every((x) => cases[b]!.every((y) => this.#excludes(x, y)));
        this.#isWriting = true; // Comparing read other cases.
        if (!apart)
          throw refuseAt(
            this.#budget,
            below(place, 'oneOf'),
            `oneOf: branches ${a} and ${b} may both match`,
            'Tell them apart by type, or by a required property with a const; or use anyOf.',
          );
      }
    }
  }

  #branches(schema: JsonObject, place: Place, keyword: string): Place[] {
    if (!Object.hasOwn(schema, keyword)) return [];
    const list = schema[keyword];
    if (!Array.isArray(list) || list.length === 0)
      throw refuseAt(
        this.#budget,
        below(place, keyword),
        'expected a list of schemas',
        'Write at least one.',
      );
    return list.map((_, index) => below(place, keyword, index));
  }

  /** An identifier inside the schema would change what its references mean. */
  #checkId(schema: JsonObject, place: Place): void {
    for (const keyword of ['$id', 'id']) {
      const id = memberOf(schema, keyword);
      if (typeof id !== 'string' || place.pointer === '' || id.startsWith('#')) continue;
      throw refuseAt(
        this.#budget,
        place,
        `${keyword} inside a schema is not supported`,
        'Leave it out and refer by pointer.',
      );
    }
  }
}

function isPossible({ types, values }: Facts): boolean {
  return types.size > 0 && values?.length !== 0;
}

/** Cases that say the same, once. */
export function distinctCases(cases: readonly Facts[]): Facts[] {
  const byText = new Map<string, Facts>();
  for (const facts of cases) {
    const { members, itemRules, types, ...rest } = facts;
    const places = [
      members.map(({ properties, patterns, additional }) => [
        [...properties].map(([key, place]) => [key, place.pointer]),
        patterns.map(({ pattern, place }) => [pattern, place.pointer]),
        additional?.pointer,
      ]),
      itemRules.map(({ prefix, items }) => [prefix.map((p) => p.pointer), items?.pointer]),
    ];
    byText.set(canonical([rest, [...types], places]), facts);
  }
  return [...byText.values()];
}

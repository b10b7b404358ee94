/** Whether what a sentence says is what another says: figures by their values, names by their words. */
import type { FactValue, Quantity } from './facts.ts';

const TOLERANCE = 1e-9;
const HALF_DAY_MINUTES = 720;

/** @param said a fact of an answer @param source one of the passage that it is checked against */
export function isSameFact(said: FactValue, source: FactValue): boolean {
  if (said.kind === 'quantity') return sourceQuantities(source).some((one) => isSame(said, one));
  if (said.kind !== source.kind) return false;
  switch (said.kind) {
    case 'time': {
      const { minutes, isExact } = source as Extract<FactValue, { kind: 'time' }>;
      if (said.minutes === minutes) return true;
      const isHalfKnown = said.isExact && isExact;
      return !isHalfKnown && said.minutes % HALF_DAY_MINUTES === minutes % HALF_DAY_MINUTES;
    }
    case 'date': {
      const { year, month, day } = source as Extract<FactValue, { kind: 'date' }>;
      const isYear = said.year === null || said.year === year;
      return isYear && said.month === month && (said.day === null || said.day === day);
    }
    case 'code':
      return said.code === (source as Extract<FactValue, { kind: 'code' }>).code;
    case 'address':
      return said.address === (source as Extract<FactValue, { kind: 'address' }>).address;
    case 'name':
      return isPartOf(said.words, (source as Extract<FactValue, { kind: 'name' }>).words);
  }
}

/** Whether another figure could stand in the place of this one: a price for a price. */
export function isSameKind(a: FactValue, b: FactValue): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind !== 'quantity' || b.kind !== 'quantity') return true;
  if (a.isOrdinal !== b.isOrdinal) return false;
  return a.unit === null || b.unit === null || a.unit.dimension === b.unit.dimension;
}

/** Numbers that a fact gives: the year and the day of a date, too. */
function sourceQuantities(source: FactValue): Quantity[] {
  if (source.kind === 'quantity') return [source];
  if (source.kind !== 'date') return [];
  const plain = (value: number): Quantity => ({
    ...{ kind: 'quantity', values: [value], unit: null, noun: null, isOrdinal: false },
  });
  return [source.year, source.day].filter((value) => value !== null).map(plain);
}

function isSame(said: Quantity, source: Quantity): boolean {
  const [a, b] = [said.unit, source.unit];
  if (a !== null && b !== null) {
    if (a.dimension !== b.dimension) return false;
    return isSameValue(said.values, source.values, a.factor / b.factor);
  }
  // "24 euros" is not said by "24 tablets"; what a number of a table counts, its head says.
  if (a !== null && source.noun !== null && /s$|^(?:people|children|men|women)$/.test(source.noun))
    return false;
  return isSameValue(said.values, source.values, 1);
}

function isSameValue(a: readonly number[], b: readonly number[], factor: number): boolean {
  return a.some((x) =>
    b.some((y) => Math.abs(x * factor - y) <= TOLERANCE * Math.max(1, Math.abs(y))),
  );
}

function isPartOf(words: readonly string[], of: readonly string[]): boolean {
  return words.every((word) => of.includes(word));
}

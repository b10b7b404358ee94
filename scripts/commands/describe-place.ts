/** Where in a document a passage stands, for people. */

export interface Place {
  readonly start: number;
  readonly end: number;
  readonly location: {
    readonly unit: string;
    readonly first: number;
    readonly last: number;
  } | null;
}

export function describePlace({ location, start, end }: Place): string {
  if (location === null) return `${start}-${end}`;
  const { unit, first, last } = location;
  return first === last ? `${unit} ${first}` : `${unit}s ${first}-${last}`;
}

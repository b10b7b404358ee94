/**
 * The key of a kept prefix. Keys and values at a position follow from everything before it, so
 * the key is a chain: the root, then one item per position, and two texts share a position only if they
 * share the root and every item before it. The chain is written out and compared item by item rather
 * than hashed page by page: no two prefixes can be mistaken for each other, and a page that is the
 * same up to its middle is shared up to there.
 */

/** A position's content: a token's id, or what a row of embeddings is known by (`rowKey`). */
export type ItemKey = number | string;

/** What two texts must have in common before any of their positions can be shared. */
export interface PrefixRoot {
  /** Whose text it is; opaque. Nothing is shared between scopes, not even how much would be. */
  readonly scope: string;
  /** The adapter's id, or null for the model as it is. */
  readonly adapter: string | null;
}

export interface PrefixKey {
  readonly root: PrefixRoot;
  /** One per position. */
  readonly items: readonly ItemKey[];
}

/** The default scope, without an adapter. */
export const PLAIN_ROOT: PrefixRoot = { scope: '', adapter: null };

/** Row `index` of rows whose content has this hash. Never equal to a token's id, which is a number. */
export function rowKey(hash: string, index: number): string {
  return `${index}:${hash}`;
}

/** Position `index` of a trained prefix, which its root names. Never equal to a key of tokens or rows. */
export function trainedKey(index: number): string {
  return `${index}`;
}

/** A position whose row carries an adapter that its text's root does not name. Never equal to another position's key. */
export function adaptedKey(key: ItemKey, adapter: string): string {
  return `${adapter}/${key}`;
}

/** Positions from the start on that both have; none when their roots differ. */
export function commonPrefix(a: PrefixKey, b: PrefixKey): number {
  if (a.root.scope !== b.root.scope || a.root.adapter !== b.root.adapter) return 0;
  const end = Math.min(a.items.length, b.items.length);
  let i = 0;
  while (i < end && a.items[i] === b.items[i]) i++;
  return i;
}

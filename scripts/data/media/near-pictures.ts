/** Which pictures look like an earlier one. */
import { looksLike, MAX_BITS } from './picture-look.ts';
import type { PictureLook } from './picture-look.ts';

/** Of 64 bits that differ in at most MAX_BITS, one of so many parts is the same. */
const PARTS = MAX_BITS + 1;
/** Earlier pictures compared by a part at most: one that all share must not stop the stream. */
const MAX_COMPARED = 256;

interface Named {
  readonly look: PictureLook;
  readonly name: string;
}

export class NearPictures {
  /** Pictures by a part of their bits: `part:bits`. */
  readonly #byPart = new Map<string, Named[]>();

  /** The name of the first picture that looks like this one; it is kept, and has none, where no other does. */
  add(look: PictureLook, name: string): string | null {
    const parts = partsOf(look);
    for (const part of parts)
      for (const earlier of this.#byPart.get(part) ?? [])
        if (looksLike(earlier.look, look)) return earlier.name;
    const kept = { look, name };
    for (const part of parts) {
      const list = this.#byPart.get(part);
      if (list === undefined) this.#byPart.set(part, [kept]);
      else if (list.length < MAX_COMPARED) list.push(kept);
    }
    return null;
  }
}

/** Every PARTS-th bit, from each of the first ones on. */
function partsOf({ bits }: PictureLook): string[] {
  const all = [...bits].map((word) => word.toString(2).padStart(32, '0')).join('');
  return Array.from(
    { length: PARTS },
    (_, part) => `${part}:${[...all].filter((__, i) => i % PARTS === part).join('')}`,
  );
}

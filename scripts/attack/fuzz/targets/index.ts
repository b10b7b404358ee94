/** All that is fuzzed. */
import type { FuzzTarget } from '../fuzz-target.ts';
import { adapterTargets } from './adapters.ts';
import { bodyTargets } from './bodies.ts';
import { documentTargets } from './documents.ts';
import { fileTargets } from './files.ts';
import { languageTargets } from './languages.ts';
import { mediaTargets } from './media.ts';
import { projectorTargets } from './projectors.ts';

export async function loadTargets(): Promise<readonly FuzzTarget[]> {
  const made = await Promise.all(
    [
      fileTargets,
      adapterTargets,
      projectorTargets,
      mediaTargets,
      documentTargets,
      languageTargets,
      bodyTargets,
    ].map((load) => load()),
  );
  return made.flat();
}

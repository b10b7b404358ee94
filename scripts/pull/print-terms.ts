/** What commands print before they fetch a model whose licence is not permissive. */
import process from 'node:process';
import type { CatalogueEntry } from './catalogue/entry.ts';

export function printTerms({ id, licence, terms }: CatalogueEntry): void {
  if (terms === undefined) return;
  process.stderr.write(
    `licence   ${id} is under the ${licence}, which restricts use: read ${terms}\n`,
  );
}

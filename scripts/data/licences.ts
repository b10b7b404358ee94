/** What licences allow, by the names that data sets give them. A row is the first whose pattern matches. */
import type { DataRow } from './row.ts';

export type LicenceKind =
  | 'public domain'
  | 'attribution'
  | 'share-alike'
  | 'no derivatives'
  | 'non-commercial'
  | 'research only'
  | 'other'
  | 'unknown';

const FIELDS = ['licence', 'license', 'license_hint', 'licence_hint'];
export const UNKNOWN_LICENCE = 'unknown';

interface LicenceRow {
  readonly pattern: RegExp;
  readonly kind: LicenceKind;
}

const ROWS: readonly LicenceRow[] = [
  { pattern: /^(unknown|none|n\/a)?$/i, kind: 'unknown' },
  { pattern: /research/i, kind: 'research only' },
  { pattern: /\bnc\b|non-?commercial/i, kind: 'non-commercial' },
  { pattern: /\bnd\b|no-?deriv/i, kind: 'no derivatives' },
  { pattern: /\bsa\b|share-?alike|cdla-sharing|gpl|odbl/i, kind: 'share-alike' },
  { pattern: /cc-?0|public[ -]domain|unlicense|pddl|wtfpl|0bsd/i, kind: 'public domain' },
  {
    pattern: /cc[ -]by|\bby\b|mit\b|apache|bsd|isc\b|cdla-permissive|odc-by|attribution/i,
    kind: 'attribution',
  },
];

/** Addresses of licences that SPDX lists, for machine-readable cards; others stay as they are named. */
const URLS: readonly (readonly [RegExp, string])[] = [
  [/^(https?:\/\/.*)$/, '$1'],
  [
    /^(CC0-1\.0|CC-BY(?:-NC)?(?:-SA|-ND)?-[234]\.0|MIT|Apache-2\.0|BSD-[23]-Clause|ISC|CDLA-(?:Sharing|Permissive)-[12]\.0|ODbL-1\.0|ODC-By-1\.0|PDDL-1\.0|Unlicense)$/,
    'https://spdx.org/licenses/$1.html',
  ],
];

export function licenceKind(name: string): LicenceKind {
  return ROWS.find(({ pattern }) => pattern.test(name.trim()))?.kind ?? 'other';
}

/** @param given what the caller says of all rows; a row's own field counts before it */
export function licenceOf({ fields }: Pick<DataRow, 'fields'>, given: string | null): string {
  for (const name of FIELDS) {
    const value = fields[name];
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
  }
  return given ?? UNKNOWN_LICENCE;
}

export function licenceUrl(name: string): string {
  for (const [pattern, url] of URLS) if (pattern.test(name)) return name.replace(pattern, url);
  return name;
}

/**
 * A data set's card for machines: Croissant 1.1 (github.com/mlcommons/croissant, docs/croissant-spec-1.1.md), JSON-LD
 * on schema.org's Dataset. What nobody has said, such as the address of a data set, is left out and named.
 */
import { extname } from 'node:path';
import { licenceOf, licenceUrl, UNKNOWN_LICENCE } from '../licences.ts';
import type { Fields } from '../row.ts';

const CROISSANT_VERSION = 'http://mlcommons.org/croissant/1.1';

/** As MLCommons' library mlcroissant 1.1 writes it; that of the specification (appendix 1) differs in rare terms. */
const CONTEXT = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  arrayShape: 'cr:arrayShape',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  containedIn: 'cr:containedIn',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  description: { '@container': '@language' },
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileProperty: 'cr:fileProperty',
  fileObject: 'cr:fileObject',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isArray: 'cr:isArray',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  name: { '@container': '@language' },
  parentField: 'cr:parentField',
  path: 'cr:path',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
} as const;

/** Formats by the endings of names; a table has columns that fields are read from. */
const FORMATS: Readonly<Record<string, { readonly type: string; readonly isTable: boolean }>> = {
  '.jsonl': { type: 'application/jsonlines', isTable: true },
  '.ndjson': { type: 'application/jsonlines', isTable: true },
  '.csv': { type: 'text/csv', isTable: true },
  '.tsv': { type: 'text/tab-separated-values', isTable: true },
  '.parquet': { type: 'application/x-parquet', isTable: true },
  '.wav': { type: 'audio/wav', isTable: false },
};
const PLAIN = { type: 'text/plain', isTable: false };

export interface CardFile {
  /** From the folder of the card, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What a caller says of a data set. */
export interface CardAbout {
  readonly name: string;
  readonly description: string;
  readonly licence: string | null;
  readonly url: string | null;
  readonly creator: string | null;
  /** YYYY-MM-DD. */
  readonly date: string;
}

export interface Croissant {
  readonly json: Readonly<Record<string, unknown>>;
  /** Properties that the specification requires and nobody has given. */
  readonly missing: readonly string[];
}

/** A file with the types of its rows' fields; several files may have the same. */
export interface DescribedFile {
  readonly file: CardFile;
  readonly columns: ReadonlyMap<string, ColumnType>;
}

/** What rows say of a data set. */
export interface CardRows {
  /** Those of all rows, `unknown` among them if one is. */
  readonly licences: readonly string[];
  /** ISO 639-1 codes. */
  readonly languages?: readonly string[];
}

export function croissantOf(
  { name, description, url, creator, date }: CardAbout,
  files: readonly DescribedFile[],
  { licences, languages = [] }: CardRows,
): Croissant {
  const known = licences.filter((licence) => licence !== UNKNOWN_LICENCE).map(licenceUrl);
  // Rows of an unknown licence must not pass for those of a known one.
  const license = licences.includes(UNKNOWN_LICENCE) || known.length === 0 ? null : known;
  const required = { license, url, creator };
  const missing = Object.entries(required).flatMap(([key, value]) => (value === null ? [key] : []));
  const json = {
    '@context': CONTEXT,
    '@type': 'sc:Dataset',
    conformsTo: CROISSANT_VERSION,
    name,
    description,
    ...(license === null ? {} : { license: license.length === 1 ? license[0] : license }),
    ...(url === null ? {} : { url }),
    ...(creator === null ? {} : { creator: { '@type': 'sc:Organization', name: creator } }),
    datePublished: date,
    version: '1.0.0',
    isLiveDataset: false,
    ...(languages.length === 0 ? {} : { inLanguage: languages }),
    distribution: files.map(({ file }, i) => ({
      '@type': 'cr:FileObject',
      '@id': `file-${i + 1}`,
      name: file.path,
      contentUrl: file.path,
      contentSize: `${file.bytes} B`,
      encodingFormat: formatOf(file.path).type,
      sha256: file.sha256,
    })),
    recordSet: files.flatMap(({ file, columns }, i) =>
      formatOf(file.path).isTable && columns.size > 0 ? [recordSet(i + 1, file, columns)] : [],
    ),
  };
  return { json, missing };
}

function recordSet(
  number: number,
  file: CardFile,
  columns: ReadonlyMap<string, ColumnType>,
): Record<string, unknown> {
  const id = `rows-${number}`;
  return {
    '@type': 'cr:RecordSet',
    '@id': id,
    name: id,
    description: `Rows of ${file.path}.`,
    field: [...columns].map(([column, type]) => ({
      '@type': 'cr:Field',
      '@id': `${id}/${column}`,
      name: column,
      description: `The field ${column} of a row.`,
      dataType: type.dataType,
      ...(type.isList ? { isArray: true, arrayShape: '-1' } : {}),
      source: { fileObject: { '@id': `file-${number}` }, extract: { column } },
    })),
  };
}

function formatOf(path: string): { readonly type: string; readonly isTable: boolean } {
  return FORMATS[extname(path).toLowerCase()] ?? PLAIN;
}

export interface ColumnType {
  readonly dataType: string;
  readonly isList: boolean;
}

/** Licences that a card names: rows with more have another kind of field. */
const MAX_LICENCES = 100;

/** Types of the fields of the rows that were seen, and their licences. A field of several types is text, one of objects has none. */
export class RowFacts {
  readonly #types = new Map<string, ColumnType | null>();
  readonly #licences = new Set<string>();

  /** @param licence of rows that name none */
  add(fields: Fields, licence: string | null): void {
    if (this.#licences.size < MAX_LICENCES) this.#licences.add(licenceOf({ fields }, licence));
    for (const [name, value] of Object.entries(fields)) {
      const seen = typeOf(value);
      if (seen === undefined) continue;
      const before = this.#types.get(name);
      this.#types.set(name, before === undefined ? seen : commonType(before, seen));
    }
  }

  get licences(): readonly string[] {
    return [...this.#licences].sort();
  }

  get columns(): ReadonlyMap<string, ColumnType> {
    return new Map(
      [...this.#types].flatMap(([name, type]) => (type === null ? [] : [[name, type] as const])),
    );
  }
}

/** Undefined for what says nothing (null, an empty list), null for what is no plain value. */
function typeOf(value: unknown): ColumnType | null | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    const inner = value.map(typeOf).filter((type) => type !== undefined);
    if (inner.length === 0) return undefined;
    const type = inner.reduce((one, other) =>
      one === null || other === null ? null : commonType(one, other),
    );
    return type === null || type.isList ? null : { ...type, isList: true };
  }
  const dataType = scalarType(value);
  return dataType === null ? null : { dataType, isList: false };
}

function scalarType(value: unknown): string | null {
  if (typeof value === 'string') return 'sc:Text';
  if (typeof value === 'boolean') return 'sc:Boolean';
  if (typeof value === 'number') return Number.isInteger(value) ? 'sc:Integer' : 'sc:Float';
  return null;
}

function commonType(one: ColumnType | null, other: ColumnType | null): ColumnType | null {
  if (one === null || other === null || one.isList !== other.isList) return null;
  if (one.dataType === other.dataType) return one;
  const areNumbers = [one, other].every(({ dataType }) => /Integer|Float/.test(dataType));
  return { dataType: areNumbers ? 'sc:Float' : 'sc:Text', isList: one.isList };
}

/**
 * A data set's card for machines: Croissant 1.1 (github.com/mlcommons/croissant, docs/croissant-spec-1.1.md), JSON-LD
 * on schema.org's Dataset. What nobody has said, such as the address of a data set, is left out and named.
 */
import { extname } from 'node:path';
import { licenceOf, licenceUrl, UNKNOWN_LICENCE } from '../licences.ts';
import type { Fields, Media } from '../row.ts';

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

/** What a field of pictures or recordings has in a card. */
const MEDIA_TYPES: Readonly<
  Record<Media['kind'], { readonly name: string; readonly type: string }>
> = {
  image: { name: 'pictures', type: 'sc:ImageObject' },
  sound: { name: 'recordings', type: 'sc:AudioObject' },
};

/** Formats by the endings of names; a table has columns that fields are read from. */
const FORMATS: Readonly<Record<string, { readonly type: string; readonly isTable: boolean }>> = {
  '.jsonl': { type: 'application/jsonlines', isTable: true },
  '.ndjson': { type: 'application/jsonlines', isTable: true },
  '.csv': { type: 'text/csv', isTable: true },
  '.tsv': { type: 'text/tab-separated-values', isTable: true },
  '.parquet': { type: 'application/x-parquet', isTable: true },
  '.wav': { type: 'audio/wav', isTable: false },
  '.flac': { type: 'audio/flac', isTable: false },
  '.mp3': { type: 'audio/mpeg', isTable: false },
  '.ogg': { type: 'audio/ogg', isTable: false },
  '.opus': { type: 'audio/ogg', isTable: false },
  '.png': { type: 'image/png', isTable: false },
  '.jpg': { type: 'image/jpeg', isTable: false },
  '.jpeg': { type: 'image/jpeg', isTable: false },
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
  /** Fields that name files in folders beside the rows; none where the files are not part of the data set. */
  readonly media?: readonly CardMedia[];
}

/** A field whose values are paths from the folder of the card. */
export interface CardMedia {
  readonly field: string;
  readonly kind: Media['kind'];
  /** First folder of these paths: `media`. */
  readonly folder: string;
  /** Endings of the files, with the dot. */
  readonly endings: readonly string[];
}

export function croissantOf(
  { name, description, url, creator, date }: CardAbout,
  files: readonly DescribedFile[],
  { licences, languages = [], media = [] }: CardRows,
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
    distribution: [
      ...files.map(({ file }, i) => ({
        '@type': 'cr:FileObject',
        '@id': `file-${i + 1}`,
        name: file.path,
        contentUrl: file.path,
        contentSize: `${file.bytes} B`,
        encodingFormat: formatOf(file.path).type,
        sha256: file.sha256,
      })),
      ...media.map(fileSet),
    ],
    recordSet: [
      ...files.flatMap(({ file, columns }, i) =>
        formatOf(file.path).isTable && columns.size > 0
          ? [recordSet(i + 1, file, columns, media)]
          : [],
      ),
      ...media.map(filesRecordSet),
    ],
  };
  return { json, missing };
}

const fileSetId = ({ field }: CardMedia): string => `files-${field}`;

/** The files that a field names. */
function fileSet(media: CardMedia): Node {
  const { field, kind, folder, endings } = media;
  const types = [...new Set(endings.map((ending) => formatOf(ending).type))];
  return {
    '@type': 'cr:FileSet',
    '@id': fileSetId(media),
    name: fileSetId(media),
    description: `The ${MEDIA_TYPES[kind].name} that the field ${field} names.`,
    encodingFormat: types.length === 1 ? types[0] : types,
    includes: endings.map((ending) => `${folder}/**/*${ending}`),
  };
}

function recordSet(
  number: number,
  file: CardFile,
  columns: ReadonlyMap<string, ColumnType>,
  media: readonly CardMedia[],
): Node {
  const id = `rows-${number}`;
  const named = new Map(media.map((one) => [one.field, one]));
  return {
    '@type': 'cr:RecordSet',
    '@id': id,
    name: id,
    description: `Rows of ${file.path}.`,
    field: [...columns].map(([column, type]) => {
      const one = columnField(number, column, type);
      const files = named.get(column);
      return files === undefined
        ? one
        : { ...one, references: { field: { '@id': pathId(files) } } };
    }),
  };
}

type Node = Readonly<Record<string, unknown>>;

function columnField(number: number, column: string, { dataType, isList }: ColumnType): Node {
  return {
    '@type': 'cr:Field',
    '@id': `rows-${number}/${column}`,
    name: column,
    description: `The field ${column} of a row.`,
    dataType,
    ...(isList ? { isArray: true, arrayShape: '-1' } : {}),
    source: { fileObject: { '@id': `file-${number}` }, extract: { column } },
  };
}

/** The files that a field names, with their paths, which rows refer to. */
function filesRecordSet(media: CardMedia): Node {
  const source = { fileSet: { '@id': fileSetId(media) } };
  const { name, type } = MEDIA_TYPES[media.kind];
  const field = { '@type': 'cr:Field' };
  return {
    '@type': 'cr:RecordSet',
    '@id': `${name}-${media.field}`,
    name: `${name}-${media.field}`,
    description: `The ${name} that the field ${media.field} names.`,
    field: [
      {
        ...{ ...field, '@id': pathId(media), name: 'path', description: 'What rows name it by.' },
        ...{ dataType: 'sc:Text', source: { ...source, extract: { fileProperty: 'fullpath' } } },
      },
      {
        ...{ ...field, '@id': `${name}-${media.field}/content`, name: 'content' },
        ...{ description: 'The file.', dataType: type },
        source: { ...source, extract: { fileProperty: 'content' } },
      },
    ],
  };
}

const pathId = ({ kind, field }: CardMedia): string => `${MEDIA_TYPES[kind].name}-${field}/path`;

/** @param path or an ending alone */
function formatOf(path: string): { readonly type: string; readonly isTable: boolean } {
  return FORMATS[(extname(path) || path).toLowerCase()] ?? PLAIN;
}

export interface ColumnType {
  readonly dataType: string;
  readonly isList: boolean;
}

/** Licences that a card names: rows with more have another kind of field. */
const MAX_LICENCES = 100;

/** Endings of files that a card names. */
const MAX_ENDINGS = 20;

/** Types of the fields of the rows that were seen, their licences, and the files that they name. A field of several types is text, one of objects has none. */
export class RowFacts {
  readonly #types = new Map<string, ColumnType | null>();
  readonly #licences = new Set<string>();
  /** Endings by field. */
  readonly #media = new Map<
    string,
    { kind: Media['kind']; folder: string; endings: Set<string> }
  >();

  /** A file that a row names by a path from the folder of the card. */
  addMedia(field: string, kind: Media['kind'], path: string): void {
    const [folder = ''] = path.split('/');
    const known = this.#media.get(field) ?? { kind, folder, endings: new Set<string>() };
    this.#media.set(field, known);
    if (known.endings.size < MAX_ENDINGS) known.endings.add(extname(path));
  }

  get media(): readonly CardMedia[] {
    return [...this.#media].map(([field, { kind, folder, endings }]) => ({
      ...{ field, kind, folder, endings: [...endings].sort() },
    }));
  }

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

/** What is in a data set: lengths, languages, duplicates, personal data, licences, people, toxicity, files. In one pass. */
import { Distribution } from '../../../engine/data/distribution.ts';
import type { DistributionSummary } from '../../../engine/data/distribution.ts';
import { GroupCounter } from '../../../engine/data/groups.ts';
import type { GroupCount } from '../../../engine/data/groups.ts';
import { plainWords } from '../../../engine/data/shingles.ts';
import type { TextClassifier } from '../../../engine/text/text-classifier.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { REDACTION_KIND_NAMES } from '../../../worker/serving/redaction/kinds.ts';
import type { RedactionKind } from '../../../worker/serving/redaction/kinds.ts';
import { Redactor } from '../../../worker/serving/redaction/redactor.ts';
import { DuplicateFinder, showPairs } from '../duplicates.ts';
import type { Duplicate, ShownPair } from '../duplicates.ts';
import { languageOf } from '../language.ts';
import { licenceKind, licenceOf } from '../licences.ts';
import type { LicenceKind } from '../licences.ts';
import type { MediaIdentity, OpenSound } from '../media/media-files.ts';
import { flagsOf } from '../moderation.ts';
import { RowFacts } from '../output/croissant.ts';
import type { ColumnType } from '../output/croissant.ts';
import { Problems } from '../problems.ts';
import { readRows } from '../readers/index.ts';
import type { InputOptions } from '../readers/index.ts';
import type { DataRow } from '../row.ts';
import { MediaCount } from './media-count.ts';
import type { PicturesCount, RecordingsCount } from './media-count.ts';
import { NameCounts } from './name-counts.ts';
import type { Counted } from './name-counts.ts';

/** Pairs shown of each kind. */
const MAX_PAIRS = 10;
const NEAR_WORDS = 10;

export interface AuditOptions {
  readonly input: InputOptions;
  readonly isStrict: boolean;
  /** Of rows that name none. */
  readonly licence: string | null;
  /** From which two texts are near duplicates; null to look for equal ones alone. */
  readonly similarity: number | null;
  /** Null to leave toxicity out. */
  readonly classifier: TextClassifier | null;
  readonly openSound: OpenSound;
  readonly onBytes?: (bytes: number) => void;
}

export interface Audit {
  readonly nRow: number;
  readonly problems: Problems;
  readonly chars: DistributionSummary;
  readonly words: DistributionSummary;
  /** Rows by ISO 639-1 code, most first. */
  readonly languages: readonly Counted[];
  readonly nExact: number;
  readonly nNear: number;
  readonly similarity: number | null;
  readonly pairs: readonly ShownPair[];
  readonly personal: readonly PersonalCount[];
  readonly licences: readonly (Counted & { readonly kind: LicenceKind })[];
  /** Null where toxicity was left out. */
  readonly toxicity: { readonly labels: readonly Counted[]; readonly nFlagged: number } | null;
  readonly groups: readonly GroupCount[];
  /** Null where no row names one. */
  readonly pictures: PicturesCount | null;
  readonly recordings: RecordingsCount | null;
  /** Types of the fields of each file. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, ColumnType>>;
}

export interface PersonalCount {
  readonly kind: RedactionKind;
  readonly nRow: number;
  readonly nFound: number;
}

/** @throws {EngineError} as `readRows` does; E_MEMORY_BUDGET for more different texts than fit */
export async function auditRows(options: AuditOptions): Promise<Audit> {
  const { input, isStrict, onBytes } = options;
  const problems = new Problems(isStrict);
  const count = new AuditCount(options);
  for await (const row of readRows(input, problems, onBytes)) await count.add(row, problems);
  return await count.audit(problems);
}

class AuditCount {
  readonly #options: AuditOptions;
  readonly #chars = new Distribution();
  readonly #words = new Distribution();
  readonly #languages = new NameCounts();
  readonly #licences = new NameCounts();
  readonly #labels = new NameCounts();
  readonly #finder: DuplicateFinder;
  readonly #duplicates: Record<Duplicate['kind'], number> = { exact: 0, near: 0 };
  readonly #pairs: Duplicate[] = [];
  readonly #personal = new Map<RedactionKind, { nRow: number; nFound: number }>();
  readonly #groups = new GroupCounter();
  readonly #media: MediaCount;
  readonly #columns = new Map<string, RowFacts>();
  #nRow = 0;
  #nFlagged = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#finder = new DuplicateFinder(options.similarity);
    this.#media = new MediaCount(options.similarity !== null, options.openSound);
  }

  async add(row: DataRow, problems: Problems): Promise<void> {
    const { text } = row;
    const media = await this.#media.add(row, problems);
    if (media === null) return;
    const { classifier, licence } = this.#options;
    this.#chars.add(text.length);
    this.#words.add(plainWords(text).length);
    this.#languages.add(languageOf(text));
    this.#licences.add(licenceOf(row, licence));
    this.#addDuplicate(text, media);
    const flags = classifier === null ? [] : flagsOf(classifier, text);
    for (const label of flags) this.#labels.add(label);
    if (flags.length > 0) this.#nFlagged++;
    this.#groups.add(text, flags.length > 0);
    await this.#addPersonal(text);
    let columns = this.#columns.get(row.file);
    if (columns === undefined) this.#columns.set(row.file, (columns = new RowFacts()));
    columns.add(row.fields, licence);
    this.#nRow++;
  }

  async audit(problems: Problems): Promise<Audit> {
    const { classifier, input, similarity } = this.#options;
    return {
      nRow: this.#nRow,
      ...{ problems, similarity },
      chars: this.#chars.summary(),
      words: this.#words.summary(),
      languages: this.#languages.sorted(),
      nExact: this.#duplicates.exact,
      nNear: this.#duplicates.near,
      pairs: await showPairs(this.#pairs, input),
      personal: REDACTION_KIND_NAMES.map((kind) => ({
        kind,
        ...(this.#personal.get(kind) ?? { nRow: 0, nFound: 0 }),
      })),
      licences: this.#licences
        .sorted()
        .map(({ name, nRow }) => ({ name, nRow, kind: licenceKind(name) })),
      toxicity:
        classifier === null
          ? null
          : {
              labels: classifier.labels.map(({ name }) => ({ name, nRow: this.#labels.of(name) })),
              nFlagged: this.#nFlagged,
            },
      groups: this.#groups.counts(NEAR_WORDS),
      pictures: this.#media.pictures(),
      recordings: this.#media.recordings(),
      columns: new Map([...this.#columns].map(([file, types]) => [file, types.columns])),
    };
  }

  #addDuplicate(text: string, media: MediaIdentity): void {
    const found = this.#finder.add(text, this.#nRow, media);
    if (found === null) return;
    const n = ++this.#duplicates[found.kind];
    if (n <= MAX_PAIRS) this.#pairs.push(found);
  }

  async #addPersonal(text: string): Promise<void> {
    for (const [kind, n] of await personalCounts(text)) {
      const { nRow, nFound } = this.#personal.get(kind) ?? { nRow: 0, nFound: 0 };
      this.#personal.set(kind, { nRow: nRow + 1, nFound: nFound + n });
    }
  }
}

/** How many of each kind the kit's redaction would replace in a text. */
export async function personalCounts(text: string): Promise<ReadonlyMap<RedactionKind, number>> {
  const redactor = new Redactor(REDACTION_KIND_NAMES);
  try {
    await redactor.redact(text);
  } catch (error) {
    // A text with more values than a conversation may have: those before the bound are counted.
    if (!(error instanceof EngineError)) throw error;
  }
  return redactor.counts;
}

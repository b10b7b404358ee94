/** The manifest of an imported model: what the file says, what a catalogue adds, what was written. */
import { basename } from 'node:path';
import { MANIFEST_VERSION } from '../../../engine/manifest/manifest.ts';
import type {
  TensorRow,
  WeightedManifest,
  RecommendedSampling,
} from '../../../engine/manifest/manifest.ts';
import type { ShardEntry } from './journal.ts';
import type { OpenedModel } from '../open/opened-model.ts';
import type { PlannedShard } from './shard-plan.ts';

/** What a catalogue knows of the model. */
export interface ModelAbout {
  readonly name?: string;
  readonly licence?: string;
  readonly source?: string;
  readonly card?: string;
  /** Of a decoder; in place of what its files recommend. */
  readonly sampling?: RecommendedSampling | undefined;
}
export interface WrittenFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The manifest of an import; parseManifest checks it. */
export function describeModel(
  model: OpenedModel,
  preset: string,
  shards: readonly PlannedShard[],
  entries: readonly ShardEntry[],
  facts: {
    readonly id: string;
    readonly input: string;
    readonly about?: ModelAbout;
    readonly tokenizer: WrittenFile | null;
    readonly sourceSha256: string | null;
  },
): WeightedManifest {
  const { about = {} } = facts;
  const byFile = new Map(entries.map((entry) => [entry.file, entry]));
  return {
    ...model.fields,
    ...tokenizerFields(model.tokenizer, facts.tokenizer),
    ...(about.sampling === undefined ? {} : { sampling: about.sampling }),
    formatVersion: MANIFEST_VERSION,
    id: facts.id,
    name: (about.name ?? model.name).slice(0, 200),
    architecture: model.architecture,
    preset,
    createdAt: new Date().toISOString(),
    licence: (about.licence ?? model.licence).slice(0, 200),
    // A file's name, never its place: manifests are published.
    source: (about.source ?? basename(facts.input)).slice(0, 500),
    sourceSha256: facts.sourceSha256,
    card: (about.card ?? model.card).slice(0, 1_000_000),
    tensors: shards.flatMap((shard, index) => tensorRows(shard, index, byFile.get(shard.file))),
    shards: shards.map(({ file, bytes, layers }) => ({
      file,
      bytes,
      sha256: byFile.get(file)?.sha256 ?? '',
      layers: layers === null ? null : [layers[0], layers[1]],
    })),
    // parseManifest checks that a kind has what it needs.
  } as WeightedManifest;
}

function tokenizerFields(opened: OpenedModel['tokenizer'], file: WrittenFile | null): object {
  if (opened === null || file === null) return {};
  const { addBos, bosId, eosIds } = opened;
  return { tokenizer: { ...file, addBos, bosId, eosIds: [...eosIds] } };
}

/** The rows of a shard in the table of tensors. */
export function tensorRows(
  shard: PlannedShard,
  index: number,
  entry: ShardEntry | undefined,
): TensorRow[] {
  return shard.tensors.map(({ instance, tensor, dtype, slice, offset, bytes }) => ({
    name: instance.name,
    dtype,
    shape: [slice?.nRow ?? instance.shape[0], instance.shape[1]],
    ...(slice === null ? {} : { firstRow: slice.firstRow }),
    shard: index,
    offset,
    bytes,
    sourceDtype: tensor.dtype,
    exact: entry?.tensors[instance.name]?.exact ?? false,
  }));
}

/** Merges an adapter into an imported model: each weight W becomes W + B A, in the type it had. */
import { copyFile, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { FloatPair } from '../../engine/adapters/adapter.ts';
import { baseHash } from '../../engine/adapters/stored.ts';
import { WEIGHT_DTYPES } from '../../engine/base/dtypes.ts';
import type { WeightDtype } from '../../engine/base/dtypes.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { adapterModelId } from '../../engine/manifest/adapters.ts';
import type { AdapterRecord } from '../../engine/manifest/adapters.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, ShardRow, TensorRow } from '../../engine/manifest/manifest.ts';
import type { BlockDtypeName } from '../../engine/quant/block-bytes.ts';
import { packBlocks, packFloats, unpackMatrix } from '../../engine/quant/layouts.ts';
import { quantizeMatrix } from '../../engine/quant/quantize.ts';
import { hashBytes } from '../lib/hash-file.ts';
import type { OnProgress } from '../lib/progress.ts';
import { readImported } from '../push/push.ts';
import { importInto, PartialFolder } from './write/model-folder.ts';

export interface MergeOptions {
  /** Folder of the imported base. */
  readonly baseFolder: string;
  readonly record: AdapterRecord;
  readonly pairs: ReadonlyMap<string, FloatPair>;
  /** Folder of the merged model, whose name is its id. */
  readonly out: string;
  readonly onProgress?: OnProgress;
}

/**
 * @throws {EngineError} E_ADAPTER_BASE when the imported base is not the adapter's, E_ADAPTER_UNSUPPORTED for an
 *   activated one, one with eyes or a prefix, E_WEIGHTS_HASH for damaged files of the base; E_USAGE for a folder that is taken
 */
export async function mergeAdapter(options: MergeOptions): Promise<DecoderManifest> {
  const { baseFolder, record, pairs, onProgress } = options;
  const base = requireKind(
    (await readImported(baseFolder, basename(baseFolder))).manifest,
    'decoder',
  );
  if (record.activation !== null)
    throw new EngineError(
      'E_ADAPTER_UNSUPPORTED',
      `adapter ${record.name}: applies after its invocation tokens only, and weights apply everywhere; ` +
        'expected one without. Serve it beside its base.',
    );
  if (record.eyes !== null)
    throw new EngineError(
      'E_ADAPTER_UNSUPPORTED',
      `adapter ${record.name}: has eyes, which are no change of weights, and applies from a picture on; ` +
        'expected one without. Serve it beside its base.',
    );
  if (record.nPrefix > 0)
    throw new EngineError(
      'E_ADAPTER_UNSUPPORTED',
      `adapter ${record.name}: is a trained prefix, which is no change of weights; expected a low-rank adapter. ` +
        'Serve it beside its base.',
    );
  if ((await baseHash(base)) !== record.baseSha256)
    throw new EngineError(
      'E_ADAPTER_BASE',
      `adapter ${record.name}: the imported ${base.id} is not the model that it was added to. ` +
        'Import that one, or add the adapter again.',
      { details: { base: base.id } },
    );
  const out = resolve(options.out);
  const id = basename(out);
  return await importInto({ id, outRoot: dirname(out) }, async (folder) => {
    const partial = await PartialFolder.open(folder);
    const shards: ShardRow[] = [];
    const total = base.shards.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    for (const [index, shard] of base.shards.entries()) {
      const bytes = await readShard(join(baseFolder, shard.file), shard);
      for (const row of base.tensors) if (row.shard === index) addTo(bytes, row, pairs);
      await partial.put(shard.file, bytes);
      shards.push({ ...shard, sha256: hashBytes(bytes) });
      done += bytes.length;
      onProgress?.({ done, total, unit: 'bytes' });
    }
    const { file } = base.tokenizer;
    await copyFile(join(baseFolder, file), join(partial.path, file));
    const manifest = { ...about(base, record), id, shards, tensors: merged(base.tensors, pairs) };
    await partial.finish(manifest);
    return manifest;
  });
}

function about(base: DecoderManifest, record: AdapterRecord): DecoderManifest {
  const licences = [base.licence, record.licence].filter((licence) => licence !== '');
  return {
    ...base,
    name: adapterModelId(base.name, record.name).slice(0, 200),
    createdAt: new Date().toISOString(),
    licence: [...new Set(licences)].join(' and ').slice(0, 200),
    source: `${base.source} with ${record.source}`.slice(0, 500),
    sourceSha256: null,
  };
}

function merged(tensors: readonly TensorRow[], pairs: MergeOptions['pairs']): TensorRow[] {
  return tensors.map((row) => (pairs.has(row.name) ? { ...row, exact: false } : row));
}

async function readShard(path: string, { bytes, sha256 }: ShardRow): Promise<Uint8Array> {
  const data = new Uint8Array(await readFile(path));
  if (data.length === bytes && hashBytes(data) === sha256) return data;
  throw new EngineError('E_WEIGHTS_HASH', `${path}: is damaged. Import the base again.`, {
    details: { path },
  });
}

/** W += B A for the rows that are stored here. */
function addTo(shard: Uint8Array, row: TensorRow, pairs: MergeOptions['pairs']): void {
  const pair = pairs.get(row.name);
  if (pair === undefined) return;
  const { dtype, offset, bytes, firstRow = 0 } = row;
  const [nRow, nCol] = row.shape;
  const values = unpackMatrix(dtype, nRow, nCol, shard.slice(offset, offset + bytes));
  const rank = pair.a.length / nCol;
  for (let i = 0; i < nRow; i++)
    for (let r = 0; r < rank; r++) {
      const factor = pair.b[(firstRow + i) * rank + r]!;
      if (factor === 0) continue;
      for (let j = 0; j < nCol; j++) values[i * nCol + j]! += factor * pair.a[r * nCol + j]!;
    }
  shard.set(pack(dtype, nRow, nCol, values), offset);
}

function pack(dtype: WeightDtype, nRow: number, nCol: number, values: Float32Array): Uint8Array {
  if (WEIGHT_DTYPES[dtype].kind === 'float')
    return packFloats(dtype as 'f32' | 'f16' | 'bf16', nRow, nCol, values);
  const name = dtype as BlockDtypeName;
  return packBlocks(name, quantizeMatrix(name, nRow, nCol, values)).bytes;
}

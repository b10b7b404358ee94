/** One shard to its file: tensors in order, gaps zero, hashed as it is written. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { encodeTensor } from './encode-tensor.ts';
import type { ShardEntry } from './journal.ts';
import type { PlannedShard } from './shard-plan.ts';

/** @param onSourceBytes called with the bytes of the source that were encoded. */
export async function writeShard(
  folder: string,
  shard: PlannedShard,
  onSourceBytes: (bytes: number) => void,
): Promise<ShardEntry> {
  await using handle = await open(join(folder, shard.file), 'w');
  const hash = createHash('sha256');
  let end = 0;
  const write = async (data: Uint8Array): Promise<void> => {
    hash.update(data);
    await handle.writeFile(data);
    end += data.byteLength;
  };
  const tensors: ShardEntry['tensors'] = {};
  for (const planned of shard.tensors) {
    await write(new Uint8Array(planned.offset - end));
    tensors[planned.instance.name] = await encodeTensor(planned, async (data, sourceBytes) => {
      await write(data);
      onSourceBytes(sourceBytes);
    });
    if (end !== planned.offset + planned.bytes)
      throw new EngineError(
        'E_INTERNAL',
        `import: tensor ${planned.instance.name}; expected ${planned.bytes} bytes, got ${end - planned.offset}.`,
      );
  }
  await handle.sync();
  return { file: shard.file, bytes: end, sha256: hash.digest('hex'), tensors };
}

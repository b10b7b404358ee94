/** `thimble data pack`: shards with hashes, for training. */
import process from 'node:process';
import type { Command } from 'commander';
import { DEFAULT_SHARD_BYTES, packRows } from '../../data/pack.ts';
import { PACK_FILE } from '../../data/packed.ts';
import { parseBytes } from '../../lib/arguments.ts';
import { aboutOf, addInputOptions, inputOf, printJson, printReport, runData } from './common.ts';
import type { RewriteFlags } from './rewrite.ts';

interface PackFlags extends RewriteFlags {
  readonly shardBytes: number;
}

const EXAMPLES = `
Examples:
  thimble data pack stories.txt --licence CDLA-Sharing-1.0 --out packed
  thimble data pack mixed/rows.jsonl --shard-bytes 16MiB --out packed

A training reads it with "files": ["packed/pack.json"]; hashes are checked as it does.
`;

export function registerPack(data: Command): void {
  const command = data
    .command('pack')
    .summary('write shards with hashes')
    .description(
      'Writes rows as shards that pack.json lists with their SHA-256; each row names where it came from. The same command goes on where it was cut off.',
    )
    .argument('<files...>', 'files or folders')
    .requiredOption('--out <folder>', 'a new folder, or that of a pack that was cut off')
    .option(
      '--shard-bytes <size>',
      'a shard ends after the row that reaches it',
      parseBytes,
      DEFAULT_SHARD_BYTES,
    );
  addInputOptions(command).addHelpText('after', EXAMPLES).action(runPack);
}

async function runPack(files: readonly string[], flags: PackFlags): Promise<void> {
  const { out, shardBytes } = flags;
  const result = await runData(
    'pack',
    files,
    (onBytes) =>
      packRows({
        ...{ input: inputOf(files, flags), isStrict: flags.strict === true, out, shardBytes },
        ...{ onBytes, about: aboutOf(files, flags, 'Packed rows. Made by thimble data pack.') },
      }),
    ({ pack, nResumed }) =>
      `${pack.rows} rows in ${pack.shards.length} shards${nResumed > 0 ? `, ${nResumed} of them from before` : ''}`,
    true,
  );
  const { pack, nResumed, sections, problems, missing } = result;
  if (flags.json === true) printJson({ ...pack, nResumed, bad: problems.count });
  else {
    printReport(sections, problems, out, missing);
    process.stdout.write(`pack      ${out}/${PACK_FILE}\n`);
  }
}

/** `thimble adapter`: adapters of the models that a bucket serves. */
import { basename, join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { adapterModelId } from '../../engine/manifest/adapters.ts';
import { MODEL_ID_PATTERN } from '../../engine/manifest/manifest.ts';
import type { AdapterRecord } from '../../engine/manifest/adapters.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { mergeAdapter } from '../import/merge-adapter.ts';
import { openAdapter, openTower } from '../import/open/open-adapter.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { textTable } from '../lib/table.ts';
import {
  addAdapter,
  type AddAdapterOptions,
  addTower,
  fetchAdapter,
  listAdapters,
  parseAdapterName,
  readTextedBase,
  removeAdapter,
} from '../push/adapters.ts';
import type { AdapterName, BaseAdapter } from '../push/adapters.ts';
import type { Bucket } from '../push/bucket.ts';
import { readPlacement } from '../push/place.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

interface AdapterFlags extends BucketFlags {
  readonly json?: boolean;
}

interface AddFlags extends AdapterFlags {
  readonly licence?: string;
  readonly source?: string;
}

interface MergeFlags extends AdapterFlags {
  readonly out: string;
}

const EXAMPLES = `
Examples:
  thimble adapter add smollm2-135m-instruct:support ./support-lora --licence apache-2.0
  thimble adapter add smollm2-135m-instruct:support support.gguf --remote
  thimble adapter add all-minilm-l6-v2:pictures assets/space      (an image tower of an embedding model)
  thimble adapter ls
  thimble adapter rm smollm2-135m-instruct:support
  thimble adapter merge smollm2-135m-instruct:support --out ./smollm2-support

A running server serves an adapter within seconds, as the model BASE:NAME.
`;

export function register(program: Command): void {
  const adapter = program
    .command('adapter')
    .summary('add, list, remove and merge adapters, trained prefixes and image towers')
    .description(
      'Keeps low-rank adapters (LoRA) and trained prefixes beside the model they change. Requests name one as ' +
        "BASE:NAME; all of them share the base's weights. Of an embedding model it keeps image towers, which bring pictures " +
        'among the vectors of texts.',
    )
    .addHelpText('after', EXAMPLES);
  withCommonOptions(
    adapter
      .command('add <name> <path>')
      .description(
        'Adds an adapter, BASE:NAME, from a PEFT folder, a GGUF file or the folder of a tower, or replaces it.',
      )
      .option('--licence <text>', 'licence it is under, as /v1/models shows it')
      .option('--source <text>', 'where it is from (default: the name of the file)'),
  ).action(runAdd);
  withCommonOptions(
    adapter.command('ls [base]').description('Lists the adapters, of all models or of one.'),
  ).action(runList);
  withCommonOptions(
    adapter.command('rm <name>').description('Removes an adapter, BASE:NAME.'),
  ).action(runRemove);
  withCommonOptions(
    adapter
      .command('merge <name>')
      .description(
        'Merges an adapter, BASE:NAME, into the imported base: a model of its own, in the types of the base.',
      )
      .requiredOption('--out <folder>', 'folder to make; its name is the id of the model'),
  ).action(runMerge);
}

function withCommonOptions(command: Command): Command {
  return addBucketOptions(command).option('--json', 'print one JSON object');
}

async function runAdd(text: string, path: string, flags: AddFlags): Promise<void> {
  const name = parseAdapterName(text);
  const record = await withBucket(flags, (bucket) =>
    runStep('adapter', async ({ note }) => {
      const base = await readTextedBase(bucket, name.base);
      const described = {
        licence: flags.licence ?? '',
        source: flags.source ?? `file:${basename(resolve(path))}`,
      };
      const added =
        base.kind === 'encoder'
          ? await addTower(bucket, name, await openTower(path, base), base, described)
          : await addToText(bucket, name, path, base, described, note);
      return {
        text: `${text}: ${describeAdded(added)}, ${formatBytes(added.bytes)}, in ${bucket.label}`,
        value: added,
      };
    }),
  );
  if (flags.json === true) print({ ...record, base: name.base });
}

async function addToText(
  bucket: Bucket,
  name: AdapterName,
  path: string,
  base: DecoderManifest,
  described: AddAdapterOptions,
  note: (text: string) => void,
): Promise<AdapterRecord> {
  const adapter = await openAdapter(path, base);
  if (!isSameBase(adapter.baseName, base))
    note(
      `the adapter calls its base ${JSON.stringify(adapter.baseName)}; the shapes of ${base.id} (${base.name}) fit`,
    );
  return await addAdapter(bucket, name, adapter, base, described);
}

function describeAdded({ nPrefix, rank, activation, tower }: AdapterRecord): string {
  if (tower !== null) return `image tower over ${tower.encoder}`;
  const what = nPrefix > 0 ? `prefix of ${nPrefix}` : `rank ${rank}`;
  return activation === null ? what : `${what}, activated`;
}

/** Whether an adapter's name of its base may mean this one; names of folders say nothing. */
function isSameBase(baseName: string | null, { id, name, source }: DecoderManifest): boolean {
  if (baseName === null || /^[./]|\\/.test(baseName)) return true;
  const plain = (text: string) =>
    text
      .slice(text.lastIndexOf('/') + 1)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '');
  const wanted = plain(baseName);
  return [id, name, source].some((one) => plain(one).includes(wanted));
}

async function runList(base: string | undefined, flags: AdapterFlags): Promise<void> {
  const adapters = await withBucket(flags, async (bucket) => {
    const bases = base === undefined ? await knownBases(bucket) : [requireId(base)];
    return await listAdapters(bucket, bases);
  });
  if (flags.json === true) print({ adapters });
  else process.stdout.write(describe(adapters));
}

/** A bucket that cannot list is asked for the models that are placed. */
async function knownBases(bucket: Bucket): Promise<string[]> {
  return (await bucket.listModelIds()) ?? Object.keys((await readPlacement(bucket)).serving);
}

/** An id is a part of keys. @throws {EngineError} E_USAGE */
function requireId(id: string): string {
  if (MODEL_ID_PATTERN.test(id)) return id;
  throw new EngineError(
    'E_USAGE',
    `adapter: ${JSON.stringify(id.slice(0, 100))} is not the id of a model. Ids: \`thimble models\`.`,
  );
}

function describe(adapters: readonly BaseAdapter[]): string {
  if (adapters.length === 0)
    return 'no adapters yet. Add one: thimble adapter add BASE:NAME PATH\n';
  const rows = adapters.map(({ base, name, rank, projections, bytes, licence, ...kind }) => [
    ...[adapterModelId(base, name), rank === 0 ? '-' : String(rank), projections.join(' ')],
    ...[formatBytes(bytes), kindOf(kind), licence],
  ]);
  return `${textTable([['name', 'rank', 'weights', 'size', 'kind', 'licence'], ...rows]).join('\n')}\n`;
}

function kindOf({
  activation,
  nPrefix,
  eyes,
  tower,
}: Pick<BaseAdapter, 'activation' | 'nPrefix' | 'eyes' | 'tower'>): string {
  if (tower !== null) return `image tower over ${tower.encoder}`;
  if (eyes !== null) return `sees through ${eyes.encoder}`;
  if (nPrefix > 0) return `prefix of ${nPrefix} tokens`;
  return activation === null ? '' : 'activated';
}

async function runRemove(text: string, flags: AdapterFlags): Promise<void> {
  const name = parseAdapterName(text);
  await withBucket(flags, (bucket) =>
    runStep('adapter', async () => {
      await removeAdapter(bucket, name);
      return { text: `${text}: removed from ${bucket.label}`, value: null };
    }),
  );
  if (flags.json === true) print({ removed: text });
}

async function runMerge(text: string, flags: MergeFlags): Promise<void> {
  const name = parseAdapterName(text);
  const fetched = await withBucket(flags, (bucket) => fetchAdapter(bucket, name));
  const manifest = await runStep('merge', async ({ onProgress }) => {
    const baseFolder = join(modelsDir(), name.base);
    const made = await mergeAdapter({ ...fetched, baseFolder, out: flags.out, onProgress });
    return { text: `${text}: merged into ${resolve(flags.out)} (${made.id})`, value: made };
  });
  if (flags.json === true) print({ id: manifest.id, folder: resolve(flags.out) });
}

function print(json: object): void {
  process.stdout.write(`${JSON.stringify(json)}\n`);
}

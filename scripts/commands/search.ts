/** `thimble search`: adds files to a collection of a running server, and searches it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { readTextFile } from '../eval/passages.ts';
import { typeOfName } from '../../worker/documents/types.ts';
import { parseCount } from '../lib/arguments.ts';
import { askServer, DEFAULT_SERVER_URL, serverAddress } from '../lib/ask-server.ts';
import { isPictureName, PICTURE_ENDINGS, pictureUrlOf } from '../lib/picture-file.ts';
import { ProgressLine } from '../lib/progress.ts';
import { describePlace } from './describe-place.ts';
import type { Place } from './describe-place.ts';

interface SearchFlags {
  readonly url: string;
  readonly create?: boolean;
  readonly model?: string;
  readonly caption?: string;
  readonly add?: readonly string[];
  readonly mode: string;
  readonly topK: number;
  readonly rerank?: string;
  readonly json?: boolean;
}

interface Hit extends Place {
  readonly document: string;
  readonly text: string;
  readonly score: number;
}

interface Added {
  readonly data: readonly {
    readonly id: string;
    readonly status: string;
    readonly chunks: number;
    readonly error?: { readonly message: string };
  }[];
}

/** Endings of files that are no text; the server sees by their bytes what they are. */
const FILES: ReadonlySet<string> = new Set(['.pdf', '.docx', '.epub', ...PICTURE_ENDINGS]);
const DEFAULT_TOP_K = 5;

const EXAMPLES = `
Examples:
  thimble dev --also all-minilm-l6-v2                          (in another terminal)
  thimble search notes --create --add notes/*.md "When is bread baked?"
  thimble search notes "When is bread baked?" --add late.md --mode text --json
  thimble search notes --add report.pdf "What was decided?"
  thimble search photos --create --model all-minilm-l6-v2:pictures --add *.jpg "a dog on a beach"
  thimble search photos dog.jpg                                (by a picture)
`;

export function register(program: Command): void {
  program
    .command('search')
    .summary('search a collection of a server')
    .description(
      'Finds the passages of a collection that match a query: by meaning, by words, or by both. ' +
        'With --add, files are added first: text, .md, .html, .csv, .pdf, .docx and .epub by their endings, and pictures, where ' +
        'the model of the collection has an image tower. A query that is the name of a picture is searched by.',
    )
    .argument('<collection>', 'name of the collection')
    .argument('[query]', 'what to look for: words, or a picture')
    .option('--url <url>', 'address of the server', DEFAULT_SERVER_URL)
    .option('--create', 'create the collection first')
    .option(
      '-m, --model <id>',
      'of --create: what embeds; of pictures, BASE:NAME of an image tower',
    )
    .option('--caption <text>', 'of --add with one picture: what it shows')
    .option('--add <files...>', 'files to add to it, named by their file names')
    .option('--mode <mode>', 'hybrid, vector or text', 'hybrid')
    .option('--top-k <n>', 'number of passages', parseCount(1), DEFAULT_TOP_K)
    .option('--rerank <id>', 'a model of the server that ranks the best passages again')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runSearch);
}

async function runSearch(
  collection: string,
  given: string | undefined,
  flags: SearchFlags,
): Promise<void> {
  const { add, query } = splitQuery(flags.add ?? [], given);
  const { create, url, json, model, caption } = flags;
  if (caption !== undefined && (add.length !== 1 || !isPictureName(add[0]!)))
    throw new EngineError('E_USAGE', 'search: --caption; expected --add with one picture.');
  if (query === undefined && add.length === 0 && create !== true)
    throw new EngineError('E_USAGE', 'search: nothing to do; expected a query or --add FILES.');
  const base = '/v1/collections';
  const one = `${base}/${encodeURIComponent(collection)}`;
  const ask = (path: string, body: object) => askServer(serverAddress(url, path, 'search'), body);
  // Before anything is made: a mistyped file leaves no empty collection behind.
  for (const file of add) await readContent(file);
  const body = query === undefined ? null : await searchBody(query, flags);
  if (create === true)
    await ask(base, { name: collection, ...(model === undefined ? {} : { model }) });
  const added =
    add.length === 0
      ? []
      : await addFiles(add, caption, (route, body) => ask(`${one}/${route}`, body));
  const found = body === null ? null : await ask(`${one}/search`, body);
  const hits = (found?.['data'] ?? []) as readonly Hit[];
  process.stdout.write(
    json === true ? `${JSON.stringify({ added, hits })}\n` : hits.map(describeHit).join('\n'),
  );
  const failed = added.filter(({ status }) => status === 'failed');
  for (const { id, error } of failed)
    process.stderr.write(`not added: ${id}: ${error?.message ?? 'failed'}\n`);
  if (failed.length > 0) process.exitCode = 1;
}

async function searchBody(query: string, flags: SearchFlags): Promise<object> {
  const { mode, topK, rerank } = flags;
  const rest = { mode, top_k: topK, ...(rerank === undefined ? {} : { rerank }) };
  if (!isPictureName(query) || !existsSync(query)) return { query, ...rest };
  return { image: await pictureUrlOf(query, 'search'), ...rest };
}

/** `--add` takes every word after it, so that the query after the files arrives as the last of them. */
export function splitQuery(
  words: readonly string[],
  given: string | undefined,
): { readonly add: readonly string[]; readonly query: string | undefined } {
  const last = words.at(-1);
  const isQuery =
    given === undefined && last !== undefined && words.length > 1 && !isFileName(last);
  return isQuery ? { add: words.slice(0, -1), query: last } : { add: words, query: given };
}

function isFileName(word: string): boolean {
  return existsSync(word) || /^\S*\.\w{1,8}$/.test(word);
}

/** One request per file: an error names the file it belongs to. */
async function addFiles(
  files: readonly string[],
  caption: string | undefined,
  ask: (route: string, body: object) => Promise<object>,
): Promise<Added['data']> {
  const line = new ProgressLine('adding: ');
  const added: Added['data'][number][] = [];
  try {
    for (const [done, file] of files.entries()) {
      line.update({ done, total: files.length, unit: 'items', note: basename(file) });
      const { route, body } = await readContent(file, caption);
      const answer = (await ask(route, body).catch((error: unknown) =>
        failedFile(basename(file), error),
      )) as Added;
      added.push(...answer.data);
    }
    line.finish('done');
    return added;
  } catch (error) {
    line.fail();
    throw error;
  }
}

/** A file that the server cannot read is reported as a text that it cannot read. @throws anything else */
function failedFile(id: string, error: unknown): Added {
  const isFile = error instanceof EngineError && /^(file|id):/.test(error.message);
  if (!isFile) throw error;
  const { message } = error;
  return { data: [{ id, status: 'failed', chunks: 0, error: { message } }] };
}

/** What is sent, and to which of the collection's paths. @throws {EngineError} E_USAGE */
async function readContent(
  path: string,
  caption?: string,
): Promise<{ route: string; body: object }> {
  const id = basename(path);
  if (!FILES.has(extname(path).toLowerCase())) {
    const content = await readTextFile(path, 'search', '--add');
    const document = { id, content, content_type: typeOfName(path) };
    return { route: 'documents', body: { documents: [document] } };
  }
  const bytes = await readFile(path).catch((cause: unknown) => {
    const message = `search: cannot read --add ${path}. Give a readable file.`;
    throw new EngineError('E_USAGE', message, { cause });
  });
  const form = new FormData();
  form.set('id', id);
  if (caption !== undefined) form.set('caption', caption);
  form.set('file', new File([bytes], id));
  return { route: 'files', body: form };
}

function describeHit(hit: Hit): string {
  const { document, text, score } = hit;
  return `${document} ${describePlace(hit)} (${score.toFixed(4)})\n${text.replace(/\s+/g, ' ')}\n`;
}

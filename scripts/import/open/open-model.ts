/** Recognises the kind of model at a path, and opens it. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import {
  CTRANSLATE2_HEAD_BYTES,
  startsLikeCtranslate2,
} from '../../../engine/formats/ctranslate2.ts';
import { ggufSplitNames } from '../../../engine/formats/gguf.ts';
import { startsLikePytorch } from '../../../engine/formats/pytorch.ts';
import { unpackZip } from '../../pull/zip.ts';
import { isCtranslate2Name, openCtranslate2 } from './open-ctranslate2.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { openGguf } from './open-gguf.ts';
import { openLlama2c } from './open-llama2c.ts';
import { openPytorch } from './open-pytorch.ts';
import { openSafetensors } from './open-safetensors.ts';
import { openWhisperGgml } from './open-whisper-ggml.ts';
import { isMmprojName, withMmproj } from '../vision/open-mmproj.ts';
import { startsLikeGgml } from './read-whisper-ggml.ts';
import type { OpenedModel } from './opened-model.ts';

/**
 * @param open collects the files; the caller closes them, also after an error
 * @throws {EngineError} E_USAGE for a path that holds no model; what the readers throw.
 */
export async function openModel(
  path: string,
  open: AsyncDisposableStack,
  tokenizerPath?: string,
): Promise<OpenedModel> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `import: ${path} cannot be opened. Give a file or folder.`, {
      cause,
    });
  });
  if (path.endsWith('.zip')) return openZip(path, open);
  if (info.isDirectory()) return openFolder(path, open, tokenizerPath);
  if (path.endsWith('.safetensors') || basename(path) === 'config.json')
    return openSafetensors(dirname(path), open);
  if (isCtranslate2Name(basename(path)) && (await isCtranslate2(path)))
    return openCtranslate2(dirname(path), open);
  const head = await headOf(path);
  if (startsLikePytorch(head)) return openPytorch(path, open);
  if (isGguf(head, path)) return openGguf(path, open);
  if (startsLikeGgml(head)) return openWhisperGgml(path, open);
  // llama2.c's version 0 has no magic: its reader refuses other files.
  return openLlama2c(path, open, tokenizerPath);
}

/** A model's folder in a zip; the hash of the import is the archive's. */
async function openZip(path: string, open: AsyncDisposableStack): Promise<OpenedModel> {
  const folder = await mkdtemp(join(tmpdir(), 'thimble-import-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  await unpackZip(path, folder);
  const file = open.use(await openFileSource(path));
  return { ...(await openFolder(await onlyFolder(folder), open)), files: [file] };
}

/** Archives hold a folder's files, or the folder. */
async function onlyFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const [only] = entries;
  return entries.length === 1 && only!.isDirectory() ? join(folder, only!.name) : folder;
}

async function openFolder(
  folder: string,
  open: AsyncDisposableStack,
  tokenizerPath?: string,
): Promise<OpenedModel> {
  const names = (await readdir(folder)).sort();
  const weights = names.find(isCtranslate2Name);
  if (weights !== undefined && (await isCtranslate2(join(folder, weights))))
    return openCtranslate2(folder, open);
  if (names.includes('config.json')) return openSafetensors(folder, open);
  const towers = names.filter(isMmprojName);
  // One of each split's files stands for all, whichever are there.
  const ggufs = [
    ...new Map(
      names
        .filter((name) => name.endsWith('.gguf') && !isMmprojName(name))
        .map((name) => [ggufSplitNames(name)?.[0] ?? name, name]),
    ).values(),
  ];
  const others = names.filter((name) => /\.bin$/.test(name) && !/^tok/.test(name));
  const models = ggufs.length > 0 ? ggufs : others;
  const [name] = models;
  if (name === undefined || models.length > 1 || towers.length > 1)
    throw new EngineError(
      'E_USAGE',
      `import: ${basename(folder)}: expected config.json with safetensors, or one .gguf or llama2.c ` +
        `.bin file, got ${models.length === 0 ? 'none' : [...models, ...towers].join(', ')}. Name the file itself.`,
      { details: { models, towers } },
    );
  const model = await openModel(join(folder, name), open, tokenizerPath);
  const [tower] = towers;
  return tower === undefined ? model : await withMmproj(model, join(folder, tower), open);
}

/** The first part of a split file, or a whole one: later parts do not begin like a file. */
async function isCtranslate2(path: string): Promise<boolean> {
  if (/\.part\d+$/.test(path)) return true;
  await using source = await openFileSource(path);
  const head = await source.read(0, Math.min(CTRANSLATE2_HEAD_BYTES, source.bytes));
  return startsLikeCtranslate2(head);
}

/** Enough for every magic number. */
const HEAD_BYTES = 16;

async function headOf(path: string): Promise<Uint8Array> {
  await using source = await openFileSource(path);
  return await source.read(0, Math.min(HEAD_BYTES, source.bytes));
}

function isGguf(head: Uint8Array, path: string): boolean {
  return new TextDecoder().decode(head.subarray(0, 4)) === 'GGUF' || path.endsWith('.gguf');
}

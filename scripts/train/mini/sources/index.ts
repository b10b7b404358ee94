/** The sources of a configuration that are there: what is missing is left out and named. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { modelsDir } from '../../../lib/paths.ts';
import { readText } from '../../read-text.ts';
import type { MiniConfig, SourceName } from '../config.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { speakCommands } from './commands.ts';
import { dialogueSource } from './dialogues.ts';
import { DIGIT_SPEAKERS, readDigits, speakDigits } from './digits.ts';
import { easyVqaSource } from './easy-vqa.ts';
import { sceneSource } from './scenes.ts';
import { soundSource } from './sound.ts';
import type { Source } from './source.ts';
import { textSource } from './text.ts';

/** Where data lies that the kit does not make; null for what is not there. */
export interface DataPaths {
  /** TinyStories, or other texts with <|endoftext|> between them. */
  readonly stories: string | null;
  /** easy-VQA's folder data. */
  readonly easyVqa: string | null;
  /** Recordings of the Free Spoken Digit Dataset. */
  readonly fsdd: string | null;
  /** Id of an imported voice that speaks commands. */
  readonly voice: string | null;
}

export interface OpenedSources {
  readonly sources: readonly { readonly source: Source; readonly share: number }[];
  /** Names of those that are left out, whole or in part, and why. */
  readonly missing: readonly { readonly name: string; readonly why: string }[];
}

interface Opening {
  readonly config: MiniConfig;
  readonly vocabulary: Vocabulary;
  readonly paths: DataPaths;
  /** Folder for what takes long to make. */
  readonly cache: string;
}

export const DEFAULT_VOICE = 'piper-en-us-joe';
/** Widely: there is one voice alone. */
const COMMAND_TIMING = { speed: [0.82, 1.22], pace: [0.75, 1.35] } as const;
const SEPARATOR = '<|endoftext|>';

/** A source, or why there is none. */
const OPENERS: Readonly<Record<SourceName, (opening: Opening) => Promise<Source | string>>> = {
  async text({ config, vocabulary, paths: { stories } }) {
    if (stories === null || !existsSync(stories)) return 'give TinyStories by --stories FILE';
    const documents = await readStories(stories);
    const about = { what: 'TinyStories (arXiv 2305.07759)', licence: 'CDLA-Sharing-1.0' };
    const { context } = config.model;
    return textSource(vocabulary, documents, context, config.sources.text.weight, about);
  },
  dialogues: ({ config, vocabulary }) =>
    Promise.resolve(
      dialogueSource(
        ...([vocabulary, config.seed, config.model.context] as const),
        config.sources.dialogues.weight,
      ),
    ),
  scenes({ config, vocabulary }) {
    const { weight: question, caption, patches, ...rest } = config.sources.scenes;
    const options = { ...rest, seed: config.seed, weights: { question, caption, patches } };
    return Promise.resolve(sceneSource(vocabulary, config.image, config.model.context, options));
  },
  async 'easy-vqa'({ config, vocabulary, paths: { easyVqa } }) {
    if (easyVqa === null || !existsSync(easyVqa))
      return 'give its folder data by --easy-vqa FOLDER';
    const { image, model, sources } = config;
    const { weight } = sources['easy-vqa'];
    return await easyVqaSource(vocabulary, easyVqa, image, model.context, weight);
  },
  async digits({ config, vocabulary, paths: { fsdd }, cache }) {
    if (fsdd === null || !existsSync(fsdd))
      return 'give the recordings of the Free Spoken Digit Dataset by --fsdd FOLDER';
    const { train, heldOut } = await readDigits(fsdd);
    const { weight, frames, trimmed, speed, pace, spoken, ...rest } = config.sources.digits;
    const timing = { speed, pace };
    const { recordings, voices, missing } = await speakDigits(
      rest.voices,
      spoken,
      modelsDir(),
      cache,
    );
    const by = voices.length === 0 ? '' : `, and its words by the voices ${voices.join(', ')}`;
    const source = soundSource(
      'digits',
      { train: [...train, ...recordings], heldOut },
      {
        ...{ vocabulary, stack: config.audio, nContext: config.model.context },
        ...{ weight, frames, trimmed, timing },
        about: { what: `Free Spoken Digit Dataset${by}`, licence: 'CC-BY-SA-4.0' },
      },
    );
    const left = missing.map((voice) => ({
      ...{ name: `digits by ${voice}`, why: `import the voice: thimble pull ${voice}` },
    }));
    return { ...source, missing: left, people: DIGIT_SPEAKERS };
  },
  async commands({ config, vocabulary, paths: { voice }, cache }) {
    const folder = voice === null ? null : join(modelsDir(), voice);
    if (voice === null || folder === null || !existsSync(folder))
      return `import a voice that speaks them: thimble pull ${DEFAULT_VOICE}`;
    return soundSource('commands', await speakCommands(voice, folder, cache), {
      ...{ vocabulary, stack: config.audio, nContext: config.model.context },
      weight: config.sources.commands.weight,
      ...{ frames: 0, trimmed: 0, timing: COMMAND_TIMING },
      about: { what: `commands, spoken by the voice ${voice}`, licence: 'Apache-2.0' },
    });
  },
};

/** @throws {EngineError} of data that is there and cannot be read */
export async function openSources(opening: Opening): Promise<OpenedSources> {
  const sources: OpenedSources['sources'][number][] = [];
  const missing: OpenedSources['missing'][number][] = [];
  for (const [name, { share }] of Object.entries(opening.config.sources)) {
    if (share === 0) continue;
    const source = await OPENERS[name as SourceName](opening);
    if (typeof source === 'string') missing.push({ name, why: source });
    else {
      sources.push({ source, share });
      missing.push(...(source.missing ?? []));
    }
  }
  return { sources, missing };
}

/** @throws {EngineError} E_USAGE */
export async function readStories(file: string): Promise<string[]> {
  const text = await readText(file, '--stories');
  return text
    .split(SEPARATOR)
    .map((document) => document.trim())
    .filter((document) => document !== '');
}

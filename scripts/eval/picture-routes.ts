/**
 * What a server says of pictures by three routes, side by side, for people to read: a model with eyes, a model that reads
 * what programs find, and the second told what the first has said.
 */
import { appendFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import { pictureUrlOf } from '../lib/picture-file.ts';
import { readTextFile } from './passages.ts';

export interface RouteModels {
  /** Id of a model that sees. */
  readonly eyes: string;
  /** Id of one that reads words of pictures. */
  readonly reader: string;
}

/** What is said of one picture. */
export interface RouteAnswers {
  /** Path of its file. */
  readonly image: string;
  /** What people say, if anybody has. */
  readonly people: string;
  readonly eyes: string;
  readonly words: string;
  readonly both: string;
}

export interface AskedPicture {
  readonly image: string;
  readonly people: string;
}

type Ask = (body: object) => Promise<Readonly<Record<string, unknown>>>;

const QUESTION = 'Describe the picture.';
const MAX_TOKENS = 60;
const lineSchema = z.object({
  ...{ image: z.string(), people: z.string(), eyes: z.string() },
  ...{ words: z.string(), both: z.string() },
});

/**
 * Asks about pictures that the file does not have yet, each a line of JSON at its end: it goes on where it was cut off.
 * @param ask a chat completion of the server
 * @param file of lines
 * @returns those of all pictures, in their order
 */
export async function askRoutes(
  { eyes, reader }: RouteModels,
  pictures: readonly AskedPicture[],
  ask: Ask,
  file: string,
  onPicture: (done: number) => void,
): Promise<RouteAnswers[]> {
  const known = await readAnswers(file);
  const answers: RouteAnswers[] = [];
  for (const [i, picture] of pictures.entries()) {
    let found = known.get(picture.image);
    if (found === undefined) {
      const url = await pictureUrlOf(picture.image, 'eval');
      const say = async (model: string, text: string): Promise<string> =>
        contentOf(await ask(bodyOf(model, url, text)));
      const seen = await say(eyes, QUESTION);
      const told = `Somebody who saw the picture said: "${seen}" ${QUESTION}`;
      found = {
        ...{ ...picture, eyes: seen },
        ...{ words: await say(reader, QUESTION), both: await say(reader, told) },
      };
      await appendFile(file, `${JSON.stringify(found)}\n`);
    }
    answers.push(found);
    onPicture(i + 1);
  }
  return answers;
}

const bodyOf = (model: string, url: string, text: string): object => ({
  ...{ model, temperature: 0, max_completion_tokens: MAX_TOKENS },
  messages: [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url } },
        { type: 'text', text },
      ],
    },
  ],
});

function contentOf(answer: Readonly<Record<string, unknown>>): string {
  const [choice] = answer['choices'] as readonly {
    readonly message: { readonly content: string };
  }[];
  return choice!.message.content.trim();
}

/** @throws {EngineError} E_USAGE naming a line that is none of these */
async function readAnswers(file: string): Promise<ReadonlyMap<string, RouteAnswers>> {
  const text = existsSync(file) ? await readTextFile(file, 'eval', '--out') : '';
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line, i) => {
      try {
        const answers = lineSchema.parse(JSON.parse(line));
        return [answers.image, answers] as const;
      } catch (cause) {
        throw new EngineError(
          'E_USAGE',
          `${file}: line ${i + 1}: expected what thimble eval pictures has written. Name a new file.`,
          { cause },
        );
      }
    }),
  );
}

/** A Markdown table. @param nameOf how a picture is shown */
export function routesTable(
  answers: readonly RouteAnswers[],
  nameOf: (image: string) => string,
): string {
  const cell = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
  const rows = answers.map(
    ({ image, people, eyes, words, both }) =>
      `| ${[nameOf(image), people, eyes, words, both].map(cell).join(' | ')} |`,
  );
  return `| picture | people | eyes | words | both |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

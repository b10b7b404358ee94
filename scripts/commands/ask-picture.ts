/** A server's answer to a task on a picture, printed: what `caption` and `ask` have in common. */
import process from 'node:process';
import { askServer, serverAddress } from '../lib/ask-server.ts';
import { noteEnd } from '../lib/end-note.ts';
import { pictureUrlOf } from '../lib/picture-file.ts';

export interface PictureFlags {
  readonly url: string;
  readonly model?: string;
  readonly maxTokens?: number;
  readonly json?: boolean;
}

/** @param command that errors name @throws {EngineError} E_USAGE for a file that cannot be read, and what the server refuses */
export async function askPicture(
  command: string,
  task: { readonly name: 'caption' | 'vqa'; readonly question?: string },
  path: string,
  { url, model, maxTokens, json }: PictureFlags,
): Promise<void> {
  const { name, question } = task;
  const answer = await askServer(serverAddress(url, `/v1/tasks/${name}`, command), {
    ...(model === undefined ? {} : { model }),
    ...(question === undefined ? {} : { question }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    image: await pictureUrlOf(path, command),
  });
  const { text, finish_reason: reason } = answer as Readonly<
    Record<'text' | 'finish_reason', string>
  >;
  process.stdout.write(`${json === true ? JSON.stringify(answer) : text}\n`);
  if (json !== true) noteEnd(reason);
}

/** `/save` and `/load`: conversations as files of JSON. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../../../engine/base/errors.ts';
import { asOutputError } from '../../../lib/disk.ts';
import { dataDir } from '../../../lib/paths.ts';
import type { SlashCommand } from './command.ts';

/** More than any context holds. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

const savedChat = z.object({
  model: z.string().optional(),
  messages: z.array(
    z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }),
  ),
});

/** A plain name is kept among the user's chats, anything else is a path. */
export function chatPath(name: string): string {
  return /^[\w-]+$/.test(name) ? join(dataDir(), 'chats', `${name}.json`) : name;
}

export const save: SlashCommand = {
  usage: 'NAME|FILE',
  about: 'save the conversation',
  async run({ session, say }, name) {
    const path = requirePath('/save', name);
    const text = JSON.stringify({ model: session.modelId, messages: session.messages }, null, 2);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `${text}\n`, { mode: 0o600 });
    } catch (cause) {
      throw asOutputError(cause, path, '/save');
    }
    say(`saved in ${path}`);
  },
};

export const load: SlashCommand = {
  usage: 'NAME|FILE',
  about: 'continue a saved conversation; the model stays',
  async run({ session, say }, name) {
    const path = requirePath('/load', name);
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new EngineError('E_USAGE', `/load: ${path} cannot be read. Name a chat of /save.`, {
        cause,
      });
    });
    const { messages } = parseChat(path, text);
    session.replace(messages);
    say(`${messages.length} messages`);
  },
};

function requirePath(command: string, name: string): string {
  if (name !== '') return chatPath(name);
  throw new EngineError('E_USAGE', `${command}: expected a name or a file.`);
}

function parseChat(path: string, text: string): z.output<typeof savedChat> {
  try {
    if (text.length > MAX_FILE_BYTES) throw new RangeError('is too large');
    return savedChat.parse(JSON.parse(text));
  } catch (cause) {
    throw new EngineError(
      'E_USAGE',
      `/load: ${path} is no conversation; expected an object with "messages", a list of roles and contents.`,
      { cause },
    );
  }
}

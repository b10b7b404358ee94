/** Items that a conversation is given, as it keeps them. */
import { keepItems, newItems, type Reading } from '../responses/input.ts';
import type { InputItemJson, NewItem } from '../responses/item-schema.ts';
import { withPictureFiles } from '../responses/picture-files.ts';
import { readReferences } from '../responses/references.ts';
import type { RecordsEnv } from '../records/env.ts';
import type { ResponsesEnv } from '../responses/env.ts';

type Given = Pick<Reading, 'env' | 'caller' | 'signal'> & {
  readonly env: ResponsesEnv & RecordsEnv;
};

/**
 * Their pictures stay pictures: a response shows them to a model that sees, and has words for others.
 * @param id of the conversation
 * @throws {EngineError} E_REQUEST_INVALID, E_IMAGE_INVALID naming the item
 */
export async function readNewItems(
  given: Given,
  items: readonly NewItem[],
  id: string,
  firstPlace = 0,
): Promise<InputItemJson[]> {
  const { env, caller } = given;
  const referenced = await readReferences(env, caller, items);
  const read = await withPictureFiles(env, caller, items, 'items');
  return await keepItems(given, newItems(read, id, referenced, firstPlace), 'items');
}

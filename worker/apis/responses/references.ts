/** Items of earlier turns that a request names by their ids instead of sending them again. */
import type { Caller } from '../../platform/caller.ts';
import { objectName } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { RecordsEnv } from '../records/env.ts';
import { RECORD_KINDS, recordStub } from '../records/records.ts';
import type { ResponsesEnv } from './env.ts';
import { conversationOutput } from './input.ts';
import type { InputItemJson, ItemReference, NewItem } from './item-schema.ts';
import { isSearchId, ownerOfItem } from './item-shape.ts';
import type { ResponseJson } from './schema.ts';

/** Responses and conversations that one request may refer to: each is a read of its object. */
const MAX_OWNERS = 64;

type Env = Pick<ResponsesEnv, 'RESPONSES'> & RecordsEnv;

export const isReference = (item: NewItem): item is ItemReference => item.type === 'item_reference';

/**
 * The referenced items by the index of the reference.
 * @throws {EngineError} E_REQUEST_INVALID naming the reference that leads nowhere
 */
export async function readReferences(
  env: Env,
  caller: Caller,
  input: readonly NewItem[],
): Promise<ReadonlyMap<number, InputItemJson>> {
  const found = new Map<number, InputItemJson>();
  const owners = new Map<string, readonly InputItemJson[]>();
  for (const [i, item] of input.entries()) {
    // Searches are no part of a conversation.
    if (!isReference(item) || isSearchId(item.id)) continue;
    const digits = ownerOfItem(item.id) ?? '';
    const items = owners.get(digits) ?? (digits === '' ? [] : await itemsOf(env, caller, digits));
    owners.set(digits, items);
    if (owners.size > MAX_OWNERS)
      throw invalidField(
        'input',
        `refers to items of more than ${MAX_OWNERS} responses; send them whole, or use "previous_response_id"`,
      );
    const referenced = items.find(({ id }) => id === item.id);
    if (referenced === undefined)
      throw invalidField(
        `input[${i}].id`,
        `no stored item ${JSON.stringify(item.id.slice(0, 80))}. Items of responses with "store": false and of deleted ` +
          'ones cannot be referred to; send the item whole',
      );
    found.set(i, referenced);
  }
  return found;
}

/** Items of the response or the conversation whose id ends in `digits`. */
async function itemsOf(env: Env, caller: Caller, digits: string): Promise<InputItemJson[]> {
  const response = env.RESPONSES.getByName(objectName(caller, `resp_${digits}`));
  const [input, text] = await Promise.all([response.readInput(), response.read()]);
  if (input !== null && text !== null)
    return [
      ...(JSON.parse(input) as InputItemJson[]),
      ...conversationOutput((JSON.parse(text) as ResponseJson).output),
    ];
  const conversation = recordStub(env, caller, RECORD_KINDS.conversation + digits);
  return JSON.parse((await conversation.readItems()) ?? '[]') as InputItemJson[];
}

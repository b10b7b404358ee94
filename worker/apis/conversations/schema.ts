/** Conversations in OpenAI's shapes. */
import { z } from 'zod';
import { metadataField, strictField } from '../../serving/fields/common.ts';
import { newItemSchema } from '../responses/item-schema.ts';

/** OpenAI's limit of items in one request. */
export const MAX_NEW_ITEMS = 20;

const count = z.number().int();
const items = z.array(newItemSchema).max(MAX_NEW_ITEMS);

export const conversationBodySchema = z
  .looseObject({
    items: items.optional(),
    metadata: metadataField.optional(),
    strict: strictField,
  })
  .meta({ id: 'ConversationRequest' });

export const metadataBodySchema = z
  .looseObject({ metadata: metadataField, strict: strictField })
  .meta({ id: 'MetadataRequest' });

export const itemsBodySchema = z
  .looseObject({ items: items.min(1), strict: strictField })
  .meta({ id: 'ConversationItemsRequest' });

export const conversationSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('conversation'),
    created_at: count,
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Conversation' });

export type ConversationJson = z.output<typeof conversationSchema>;

/** What answers about sessions look like. */
import { z } from 'zod';
import type { RedactField } from '../../serving/redaction/redact-request.ts';

export const RATINGS = ['up', 'down'] as const;
export type RatingName = (typeof RATINGS)[number];

const message = z.strictObject({
  role: z.string(),
  content: z.string(),
  tokens: z.number().int(),
  model: z.string(),
  created_at: z.number().int(),
});

export const ratingSchema = z.strictObject({
  turn: z.number().int(),
  rating: z.enum(RATINGS),
  better: z.string().nullable(),
  created_at: z.number().int(),
});
export type RatingJson = z.output<typeof ratingSchema>;

/** What the session's object rates with; checked. */
export interface RatedTurn {
  readonly turn: number;
  readonly rating: RatingName;
  readonly better: string | null;
  readonly redact: RedactField;
}

/** How many answers a session has that lacks the one that was meant; null without a session. */
export type RateResult = RatingJson | { readonly nAnswer: number } | null;

const shape = z.strictObject({
  object: z.literal('session'),
  schema_version: z.number().int(),
  allow_training: z.boolean(),
  messages: z.array(message),
  feedback: z.array(ratingSchema),
});
/** As the session's object knows it. */
export type SessionJson = z.output<typeof shape>;

export const sessionSchema = z
  .strictObject({ id: z.string(), ...shape.shape })
  .meta({ id: 'Session' });

/** A session that may be learned from, with what is thought of its answers. */
export const feedbackSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('session.feedback'),
    messages: z.array(z.strictObject({ role: z.string(), content: z.string() })),
    ratings: z.array(ratingSchema),
  })
  .meta({ id: 'SessionFeedback' });
export type FeedbackJson = Omit<z.output<typeof feedbackSchema>, 'id' | 'object'>;

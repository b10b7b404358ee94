/** Rated answers of a running server that may be learned from. */
import { z } from 'zod';
import { feedbackSchema } from '../../../worker/apis/sessions/schema.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { askServer, serverAddress } from '../../lib/ask-server.ts';

export type SessionFeedback = z.output<typeof feedbackSchema>;

export interface FeedbackSource {
  /** Of the server. */
  readonly url: string;
  /** Whether sessions of all subjects are read, in place of those of the key alone. */
  readonly ofAll: boolean;
}

/** Sessions that a page looks at. */
const PAGE_SESSIONS = 50;
/** Sessions with ratings: they are held in memory. */
const MAX_SESSIONS = 100_000;

const page = z.object({
  data: z.array(feedbackSchema),
  has_more: z.boolean(),
  last_id: z.string().nullable(),
});

/**
 * In the order of subjects and sessions.
 * @throws {EngineError} E_USAGE for too many and for an address that is none; what the server answers,
 *   E_BACKEND_UNAVAILABLE when it does not
 */
export async function readFeedback({ url, ofAll }: FeedbackSource): Promise<SessionFeedback[]> {
  const found: SessionFeedback[] = [];
  for (let after: string | null = ''; after !== null;) {
    const address = serverAddress(url, '/v1/feedback', 'finetune');
    address.searchParams.set('limit', String(PAGE_SESSIONS));
    if (after !== '') address.searchParams.set('after', after);
    if (ofAll) address.searchParams.set('all', 'true');
    const { data, has_more: hasMore, last_id: last } = readPage(await askServer(address), url);
    found.push(...data);
    if (found.length > MAX_SESSIONS)
      throw new EngineError(
        'E_USAGE',
        `finetune: more than ${MAX_SESSIONS} sessions have rated answers. Delete some, or export them by GET /v1/feedback and learn from a part.`,
      );
    after = hasMore ? last : null;
  }
  return found;
}

function readPage(answer: unknown, url: string): z.output<typeof page> {
  const parsed = page.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    `${url}: answers something else than a list of feedback. Is it a thimble server of this version?`,
  );
}

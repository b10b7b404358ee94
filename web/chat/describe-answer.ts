/** The line under an answer: tokens, speed, what the session left out. */
import type { SessionReport, Timings, Usage } from './chat-stream.ts';

export function describeAnswer(
  { prompt_tokens, completion_tokens, prompt_tokens_details }: Usage,
  timings: Timings | undefined,
  session: SessionReport | undefined,
): string {
  const parts = [`${prompt_tokens} + ${completion_tokens} tokens`];
  const { cached_tokens } = prompt_tokens_details;
  if (cached_tokens > 0) parts.push(`${cached_tokens} from memory`);
  const decodeMs = timings?.decode_ms ?? 0;
  const perSecond = decodeMs > 0 ? (1000 * completion_tokens) / decodeMs : 0;
  if (perSecond > 0) parts.push(`${perSecond.toFixed(0)} tokens/s`);
  const dropped = session?.dropped_messages ?? 0;
  if (dropped > 0) parts.push(`${dropped} oldest messages left out`);
  return parts.join(' · ');
}

/** How the gateway asks the object of a response for its events. */
import type { Caller } from '../../platform/caller.ts';

const CALLER_HEADER = 'x-caller';

/** @param after number of the last event that is known; -1 for none */
export function eventsRequest(caller: Caller, after: number): Request {
  const headers = { [CALLER_HEADER]: encodeURIComponent(JSON.stringify(caller)) };
  return new Request(`https://response/events?after=${after}`, { headers });
}

export function readEventsRequest({ headers, url }: Request): {
  readonly caller: Caller;
  readonly after: number;
} {
  const caller = decodeURIComponent(headers.get(CALLER_HEADER) ?? 'null');
  return {
    caller: JSON.parse(caller) as Caller,
    after: Number(new URL(url).searchParams.get('after')),
  };
}

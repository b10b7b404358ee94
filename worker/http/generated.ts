/** The mark of an answer that a model generated, for whoever passes it on. */

export const GENERATED_HEADER = 'x-thimble-generated';

export const GENERATED_HEADERS = { [GENERATED_HEADER]: 'true' } as const;

export function markGenerated(response: Response): Response {
  response.headers.set(GENERATED_HEADER, 'true');
  return response;
}

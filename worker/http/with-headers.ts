/**
 * Headers of a response from an object cannot be changed, so that one is copied; copying every response
 * would send its body through one more stream.
 */
export function withHeaders(
  response: Response,
  headers: Readonly<Record<string, string>>,
): Response {
  try {
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    return response;
  } catch {
    const { status, webSocket } = response;
    const copy =
      status === 101
        ? new Response(null, { status, webSocket, headers: response.headers })
        : new Response(response.body, response);
    for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
    return copy;
  }
}

/** A client that leaves in the middle of its body is no failure of the server. */
import { expect, test } from 'vitest';
import { readForm } from '../../../worker/http/body/form.ts';
import { readText } from '../../../worker/http/body/json-body.ts';

function cutRequest(headers: Record<string, string>, text: string): Request {
  let isFirst = true;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isFirst) controller.enqueue(new TextEncoder().encode(text));
      else controller.error(new Error('Network connection lost.'));
      isFirst = false;
    },
  });
  const init = { method: 'POST', headers, body, duplex: 'half' };
  return new Request('http://localhost/', init);
}

test('JSON that ends with its connection', async () => {
  await expect(readText(cutRequest({}, '{"model":'))).rejects.toMatchObject({ code: 'E_ABORTED' });
});

test('a form that ends with its connection', async () => {
  const request = cutRequest(
    { 'content-type': 'multipart/form-data; boundary=cut' },
    '--cut\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhis',
  );
  const form = readForm(request, {
    maxFileBytes: 100,
    tooLarge: () => new Error() as never,
    begin: () => ({ write: () => Promise.resolve() }),
  });
  await expect(form).rejects.toMatchObject({ code: 'E_ABORTED' });
});

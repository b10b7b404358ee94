/** A server whose callers say who they are, and OpenAI's client as one of them. */
import OpenAI from 'openai';
import { bundleText } from './bundle.ts';
import { startTestServer } from './http-server.ts';
import type { TestServer } from './http-server.ts';

/** @param models besides those that every test server has */
export async function startSubjectServer(models: readonly string[] = []): Promise<TestServer> {
  const gateway = await bundleText('tests/support/gateway-of-subjects.ts');
  return await startTestServer({ sources: { gateway }, models: [...models] });
}

export function openaiAs(server: TestServer, subject: string): OpenAI {
  return new OpenAI({
    ...{ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 },
    defaultHeaders: { 'x-subject': subject },
  });
}

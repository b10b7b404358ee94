/** GET /metrics. */
import { metricsText } from '../../http/observe/metrics.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const metrics = defineEndpoint({
  name: 'metrics',
  method: 'GET',
  path: '/metrics',
  tag: 'server',
  scope: 'read',
  summary: 'Metrics for Prometheus',
  description:
    'Counted by the isolate that answers, since it started: requests by endpoint and status, tokens, ' +
    'durations, requests in flight. Several isolates that serve one address have separate counts.',
  responses: [{ status: 200, what: 'Prometheus text', contentType: 'text/plain' }],
  examples: [{ title: 'Scrape' }],
  handle: () =>
    new Response(metricsText(), {
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    }),
});

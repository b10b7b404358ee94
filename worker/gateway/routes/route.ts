/** What a route is: a row of the table in index.ts. */
import type { GatewayEnv } from '../env.ts';

export interface RouteContext {
  readonly request: Request;
  readonly env: GatewayEnv;
  /** Named parts of the path. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly handle: (context: RouteContext) => Response | Promise<Response>;
}

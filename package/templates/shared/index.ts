/** The Worker: routes of this project, and Thimble's own after them (its page at `/`, its API at `/v1`). */
import { Hono } from 'hono';
import { ai } from './ask.ts';
import { routes } from './routes.ts';

// The classes of the Durable Objects that wrangler.toml binds.
export {
  AccountObject,
  BatchObject,
  BudgetObject,
  CollectionObject,
  ResponseObject,
  Session,
  SubjectKeyObject,
} from 'thimble/worker';

const app = new Hono();

app.route('/api', routes);
app.route('/', ai);

export default app;

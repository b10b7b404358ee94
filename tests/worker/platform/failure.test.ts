/** What leaves a script of an error, and what its log says. */
import { afterEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { reportFailure } from '../../../worker/platform/failure.ts';

const PLACE = { place: 'stage.test', requestId: 'req_1' };
const SECRET = 'bucket key 4711';
const log = vi.spyOn(console, 'log').mockReturnValue(undefined);
const warn = vi.spyOn(console, 'error').mockReturnValue(undefined);
afterEach(() => {
  log.mockClear();
  warn.mockClear();
});

test('an error without a code leaves without its message', () => {
  const record = reportFailure(new TypeError(SECRET), PLACE);
  expect(record).toMatchObject({ code: 'E_INTERNAL', param: null, details: {} });
  const [[line]] = warn.mock.calls as [[string]];
  expect(record.message + line).not.toContain(SECRET);
  expect(JSON.parse(line)).toMatchObject({
    ...{ event: 'failure', place: 'stage.test', code: 'E_INTERNAL', request_id: 'req_1' },
    cause: 'TypeError',
  });
});

test('what storage said stays in the script that asked it', () => {
  const cause = new Error(SECRET);
  const error = new EngineError('E_WEIGHTS_FETCH', `storage: failed with: ${SECRET}.`, { cause });
  const record = reportFailure(error, PLACE);
  expect(record.message).toBe('storage: failed with: (see the log).');
  expect(JSON.stringify(warn.mock.calls)).not.toContain(SECRET);
});

test("what is wrong with a model's file or a request is told whole", () => {
  const cause = new Error('Unknown filter: shout');
  const error = new EngineError('E_TEMPLATE', 'chat template: Unknown filter: shout.', { cause });
  expect(reportFailure(error, PLACE).message).toContain('Unknown filter: shout');
  const wrong = new EngineError('E_REQUEST_INVALID', 'seed: expected a number.', { param: 'seed' });
  expect(reportFailure(wrong, PLACE)).toMatchObject({ message: 'seed: expected a number.' });
  // A caller's fault is no failure of ours.
  expect(log.mock.calls).toHaveLength(1);
});

/**
 * WAIT: how many replicas have a connection's writes. There are none, so the answer is 0: at once when none is asked for,
 * else when the time is over; without a time, never.
 *
 * Invariant: at most WAITS_MAX connections wait; whoever comes above that is answered at once.
 */
import { WAIT_MS_MAX, WAITS_MAX } from '../../base/limits.ts';
import { integer } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { TIMEOUT_NEGATIVE, TIMEOUT_NOT_AN_INTEGER, UNBLOCKED } from '../../resp/refusals.ts';

let waiting = 0;

export const wait = sessionCommand({
  name: 'WAIT',
  summary: 'Waits until so many replicas have the writes of this connection; there are none here.',
  since: '3.0.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['noscript'],
  categories: ['connection'],
  tips: ['request_policy:all_shards', 'response_policy:agg_min'],
  args: {
    numreplicas: integer(),
    timeout: integer({ min: 0, notInteger: TIMEOUT_NOT_AN_INTEGER, outOfRange: TIMEOUT_NEGATIVE }),
  },
  run({ numreplicas, timeout }, { session }, out) {
    if (numreplicas <= 0 || waiting >= WAITS_MAX) return out.integer(0);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      clearTimeout(timer);
      waiting--;
    };
    const place = session.block((how) => {
      end();
      if (how === 'error') place.settle((writer) => writer.error(UNBLOCKED));
      else if (how === 'timeout') place.settle((writer) => writer.integer(0));
    });
    waiting++;
    // Without a time it waits until somebody ends it.
    if (timeout === 0) return;
    timer = setTimeout(
      () => {
        end();
        place.settle((writer) => writer.integer(0));
      },
      Math.min(timeout, WAIT_MS_MAX),
    );
    timer.unref();
  },
});

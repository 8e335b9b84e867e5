/**
 * WAIT: how many replicas have a connection's writes. There are none, so the answer is 0: at once when none is asked for,
 * else when the time is over; without a time, never.
 */
import { integer } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { TIMEOUT_NEGATIVE, TIMEOUT_NOT_AN_INTEGER, UNBLOCKED } from '../../resp/refusals.ts';

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
    if (numreplicas <= 0 || session.isInTransaction) return out.integer(0);
    const place = session.block((how) => {
      if (how === 'error') place.settle((writer) => writer.error(UNBLOCKED));
      else if (how !== 'closed') place.settle((writer) => writer.integer(0));
    });
    place.waits(timeout);
  },
});

/** PING, ECHO and SELECT. */
import { bytes, custom, integer } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { DB_OUT_OF_RANGE, NOT_AN_INT32, wrongArity } from '../../resp/refusals.ts';

export const ping = sessionCommand({
  name: 'PING',
  summary: 'Ping the server',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: ['fast'],
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  args: {
    message: custom({
      required: 0,
      docs: [{ name: 'message', type: 'string', flags: ['optional'] }],
      // Redis counts here and not by the arity.
      parse: (request) => (request.argc > 2 ? wrongArity('ping') : { end: request.argc, value: undefined, keys: [] }),
    }),
  },
  run(_args, { request, session }, out) {
    if (session.pubsub.isSubscriber && session.protocol === 2) {
      // A subscriber takes arrays for messages and nothing else, so this is one.
      out.array(2);
      out.bulkText('pong');
      if (request.argc === 1) out.bulkText('');
      else out.bulk(request.bytes, request.start(1), request.end(1));
    } else if (request.argc === 1) out.pong();
    else out.bulk(request.bytes, request.start(1), request.end(1));
  },
});

export const echo = sessionCommand({
  name: 'ECHO',
  summary: 'Echo the given string',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: ['loading', 'stale', 'fast'],
  args: { message: bytes },
  run: ({ message }, { request }, out) => out.bulk(request.bytes, request.start(message), request.end(message)),
});

export const select = sessionCommand({
  name: 'SELECT',
  summary: 'Change the selected database for the current connection',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: ['loading', 'stale', 'fast'],
  args: { index: integer({ beyondInt32: NOT_AN_INT32 }) },
  run({ index }, { session }, out) {
    if (session.selectDatabase(index)) out.ok();
    else out.error(DB_OUT_OF_RANGE);
  },
});

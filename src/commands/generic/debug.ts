/** DEBUG: the few subcommands that clients and test suites use. What Redis' others do to a server nobody may do here. */
import { key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { container, shardCommand } from '../../command/spec.ts';
import { Encoding, MISSING } from '../../engine/database.ts';
import { NO_SUCH_KEY } from '../../resp/refusals.ts';
import { debugAtGateway } from '../server/debug.ts';
import { helpCommand } from '../server/help.ts';
import { ENCODING_NAMES } from './object.ts';

const FLAGS = ['admin', 'noscript', 'loading', 'stale'] as const;
/** An RDB string has its length in one byte up to here, and an integer is kept in at most five. */
const SHORT_BYTES_MAX = 63;
const INTEGER_BYTES_MAX = 5;

function serializedLength(length: number, encoding: Encoding): number {
  if (encoding === Encoding.int) return Math.min(length + 1, INTEGER_BYTES_MAX);
  return length + (length > SHORT_BYTES_MAX ? 2 : 1);
}

const debugObject = shardCommand({
  name: 'OBJECT',
  summary: 'Shows how the value at a key is kept.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: { key: key('RO') },
  run({ key }, { request, database }, out) {
    const ref = database.peek(request.bytes, request.start(key), request.end(key));
    if (ref === MISSING) {
      out.error(NO_SUCH_KEY);
      return UNCHANGED;
    }
    const encoding = database.encoding(ref);
    const place = (ref >>> 0).toString(16).padStart(12, '0');
    const length = serializedLength(database.valueLength(ref), encoding);
    const idle = database.idleSeconds(ref);
    out.simple(
      `Value at:0x${place} refcount:1 encoding:${ENCODING_NAMES.get(encoding) ?? 'unknown'} serializedlength:${length} lru:0 lru_seconds_idle:${idle}`,
    );
    return UNCHANGED;
  },
});

export const debug = container({
  name: 'DEBUG',
  summary: 'Leads to what helps in tests.',
  since: '1.0.0',
  complexity: 'Depends on subcommand.',
  group: 'server',
  flags: FLAGS,
  subcommands: [
    debugObject,
    ...debugAtGateway,
    helpCommand({
      container: 'DEBUG',
      since: '1.0.0',
      group: 'server',
      flags: FLAGS,
      lines: [
        'ERROR <string>',
        '    Return a Redis protocol error with <string> as message. Useful for clients',
        '    unit tests to simulate Redis errors.',
        'OBJECT <key>',
        '    Show low level info about `key` and associated value.',
        'PROTOCOL <type>',
        '    Reply with a test value of the specified type. <type> can be: string,',
        '    integer, double, bignum, null, array, set, map, attrib, push, verbatim,',
        '    true, false.',
        'SET-ACTIVE-EXPIRE <0|1>',
        '    Setting it to 0 disables expiring keys in background when they are not',
        '    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the',
        '    default.',
        'SLEEP <seconds>',
        '    Stop the server for <seconds>. Decimals allowed.',
      ],
    }),
  ],
});

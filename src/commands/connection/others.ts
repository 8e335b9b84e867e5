/** CLIENT LIST, KILL, PAUSE, UNPAUSE and UNBLOCK: the other connections, as far as this one may see them. */
import { asciiLower } from '../../base/ascii.ts';
import { parseInteger } from '../../base/integer.ts';
import type { ArgDoc, CustomParse } from '../../command/args.ts';
import { custom } from '../../command/args.ts';
import { type CommandFlag, sessionCommand } from '../../command/spec.ts';
import type { Refusal } from '../../resp/refusals.ts';
import {
  NO_SUCH_CLIENT,
  NOT_AN_INTEGER,
  noSuchUser,
  PAUSE_MODE,
  TIMEOUT_NEGATIVE,
  TIMEOUT_NOT_AN_INTEGER,
  UNBLOCK_REASON,
} from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import { isRefusal, killOrderOf, listFilterOf } from './filter.ts';

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

function words(...tokens: readonly string[]): readonly ArgDoc[] {
  return tokens.map((word) => ({ name: word.toLowerCase(), type: 'pure-token', token: word, flags: [] }));
}

/** A parse that takes all the words there are. */
function whole<Value>(request: Request, value: Value | Refusal): CustomParse<Value> | Refusal {
  if (typeof value === 'object' && value !== null && isRefusal(value)) return value;
  return { end: request.argc, value, keys: [] };
}

export const list = sessionCommand({
  name: 'LIST',
  summary: 'Get the list of client connections',
  since: '2.4.0',
  complexity: 'O(N) where N is the number of client connections',
  group: 'connection',
  flags: FLAGS,
  tips: ['nondeterministic_output'],
  history: [
    ['2.8.12', 'Added unique client `id` field.'],
    ['5.0.0', 'Added optional `TYPE` filter.'],
    ['6.0.0', 'Added `user` field.'],
    ['6.2.0', 'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.'],
    ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
    ['7.0.3', 'Added `ssub` field.'],
  ],
  args: {
    filter: custom({
      required: 0,
      docs: [
        {
          name: 'normal_master_replica_pubsub',
          type: 'oneof',
          token: 'TYPE',
          flags: ['optional'],
          arguments: words('NORMAL', 'MASTER', 'REPLICA', 'PUBSUB'),
        },
        {
          name: 'id',
          type: 'block',
          token: 'ID',
          flags: ['optional'],
          arguments: [{ name: 'client-id', type: 'integer', flags: ['multiple'] }],
        },
      ],
      parse: (request) => whole(request, listFilterOf(request)),
    }),
  },
  run: ({ filter }, { session }, out) => out.verbatim('txt', session.clients.list(filter.value)),
});

export const kill = sessionCommand({
  name: 'KILL',
  summary: 'Kill the connection of a client',
  since: '2.4.0',
  complexity: 'O(N) where N is the number of client connections',
  group: 'connection',
  flags: FLAGS,
  history: [
    ['2.8.12', 'Added new filter format.'],
    ['2.8.12', '`ID` option.'],
    ['3.2.0', 'Added `master` type in for `TYPE` option.'],
    ['5.0.0', 'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.'],
    ['6.2.0', '`LADDR` option.'],
  ],
  args: {
    order: custom({
      required: 1,
      docs: [
        {
          name: 'filter',
          type: 'oneof',
          flags: [],
          arguments: [
            { name: 'ip:port', type: 'string', flags: [] },
            {
              name: 'new-format',
              type: 'oneof',
              flags: ['multiple'],
              arguments: [
                { name: 'client-id', type: 'integer', token: 'ID', flags: ['optional'] },
                {
                  name: 'normal_master_slave_pubsub',
                  type: 'oneof',
                  token: 'TYPE',
                  flags: ['optional'],
                  arguments: words('NORMAL', 'MASTER', 'SLAVE', 'REPLICA', 'PUBSUB'),
                },
                { name: 'username', type: 'string', token: 'USER', flags: ['optional'] },
                { name: 'ip:port', type: 'string', token: 'ADDR', flags: ['optional'] },
                { name: 'ip:port', type: 'string', token: 'LADDR', flags: ['optional'] },
                { name: 'yes/no', type: 'string', token: 'SKIPME', flags: ['optional'] },
                { name: 'maxage', type: 'integer', token: 'MAXAGE', flags: ['optional'] },
              ],
            },
          ],
        },
      ],
      parse: (request) => whole(request, killOrderOf(request)),
    }),
  },
  run({ order }, { session }, out) {
    const { filter, oldForm } = order.value;
    if (filter.userName !== undefined && !session.clients.knowsUser(filter.userName)) {
      return out.error(noSuchUser(filter.userName));
    }
    const killed = session.clients.kill(filter);
    if (!oldForm) out.integer(killed);
    else if (killed > 0) out.ok();
    else out.error(NO_SUCH_CLIENT);
  },
});

interface PauseOrder {
  readonly timeout_ms: number;
  readonly onlyWrites: boolean;
}

function pauseOf(request: Request): PauseOrder | Refusal {
  const mode = request.argc > 3 ? asciiLower(request.text(3)) : 'all';
  if (mode !== 'write' && mode !== 'all') return PAUSE_MODE;
  const timeout_ms = parseInteger(request.bytes, request.start(2), request.end(2));
  if (Number.isNaN(timeout_ms)) return TIMEOUT_NOT_AN_INTEGER;
  return timeout_ms < 0 ? TIMEOUT_NEGATIVE : { timeout_ms, onlyWrites: mode === 'write' };
}

/** It stops everybody's commands, so it is for operators. */
export const pause = sessionCommand({
  name: 'PAUSE',
  summary: 'Stop processing commands from clients for some time',
  since: '2.9.50',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
  ceiling: 'operator',
  args: {
    order: custom({
      required: 1,
      docs: [
        { name: 'timeout', type: 'integer', flags: [] },
        { name: 'mode', type: 'oneof', flags: ['optional'], arguments: words('WRITE', 'ALL') },
      ],
      parse(request) {
        const order = pauseOf(request);
        return isRefusal(order) ? order : { end: Math.min(request.argc, 4), value: order, keys: [] };
      },
    }),
  },
  run({ order }, { session }, out) {
    session.clients.pause(order.value.timeout_ms, order.value.onlyWrites);
    out.ok();
  },
});

export const unpause = sessionCommand({
  name: 'UNPAUSE',
  summary: 'Resume processing of clients that were paused',
  since: '6.2.0',
  complexity: 'O(N) Where N is the number of paused clients',
  group: 'connection',
  flags: FLAGS,
  ceiling: 'operator',
  args: {},
  run(_args, { session }, out) {
    session.clients.unpause();
    out.ok();
  },
});

interface UnblockOrder {
  readonly id: number;
  readonly withError: boolean;
}

function unblockOf(request: Request): UnblockOrder | Refusal {
  const reason = request.argc > 3 ? asciiLower(request.text(3)) : 'timeout';
  if (reason !== 'timeout' && reason !== 'error') return UNBLOCK_REASON;
  const id = parseInteger(request.bytes, request.start(2), request.end(2));
  return Number.isNaN(id) ? NOT_AN_INTEGER : { id, withError: reason === 'error' };
}

export const unblock = sessionCommand({
  name: 'UNBLOCK',
  summary: 'Unblock a client blocked in a blocking command from a different connection',
  since: '5.0.0',
  complexity: 'O(log N) where N is the number of client connections',
  group: 'connection',
  flags: FLAGS,
  args: {
    order: custom({
      required: 1,
      docs: [
        { name: 'client-id', type: 'integer', flags: [] },
        { name: 'timeout_error', type: 'oneof', flags: ['optional'], arguments: words('TIMEOUT', 'ERROR') },
      ],
      parse(request) {
        const order = unblockOf(request);
        return isRefusal(order) ? order : { end: Math.min(request.argc, 4), value: order, keys: [] };
      },
    }),
  },
  run: ({ order }, { session }, out) =>
    out.integer(session.clients.unblock(order.value.id, order.value.withError) ? 1 : 0),
});

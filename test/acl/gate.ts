/** The real gate in front of nothing: a request is refused by it, or reaches a backend that only says so. */
import type { User } from '../../src/acl/user.ts';
import { latin1 } from '../../src/base/bytes.ts';
import type { Connection } from '../../src/gateway/connection.ts';
import type { Core } from '../../src/gateway/core.ts';
import { TenantCounters } from '../../src/gateway/counters.ts';
import { Dispatcher } from '../../src/gateway/dispatch.ts';
import { NO_METERS } from '../../src/gateway/rates.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { requestOf } from '../support/harness.ts';
import type { AclWorld } from './support.ts';

export type GateVerdict = 'allowed' | 'command' | 'key' | 'channel' | 'noauth' | 'unknown' | 'arity';

export interface Gate {
  readonly verdict: (user: User | undefined, words: readonly string[]) => GateVerdict;
  /** What the last denied key was. */
  readonly deniedKeys: string[];
}

export function gateOf(world: AclWorld): Gate {
  const counters = new TenantCounters(world.table.all.length);
  const deniedKeys: string[] = [];
  const core = {
    table: world.table,
    acl: world.registry,
    clients: { isPaused: false },
    denials: {
      key: (_connection: unknown, _command: unknown, object: string) => deniedKeys.push(object),
      channel: () => undefined,
      command: () => undefined,
      ceiling: () => undefined,
    },
    security: {
      audit: undefined,
      unknownCommand: () => undefined,
      stranger: () => undefined,
      overRate: () => undefined,
    },
    isTrusted: () => false,
    timing: { isFresh: false, beginAlone: () => 0, endAlone: () => undefined, share: () => undefined },
    monitor: { isWatched: false },
    loading: false,
    turn_ms: 0,
    backend: { run: () => undefined },
    server: undefined,
  };
  const dispatcher = new Dispatcher(core as unknown as Core);
  return {
    deniedKeys,
    verdict(user, words) {
      const session = {
        user,
        tenant: {},
        isOperator: user?.tenant === 'system',
        rosterVersion: world.roster.version,
        leaveTransaction: () => false,
        unwatch: () => undefined,
      };
      const out = new ReplyWriter(2);
      const passed = counters.commands;
      dispatcher.run({ session, counters, meters: NO_METERS } as unknown as Connection, requestOf(...words), out);
      // What fails behind the gate, such as a syntax error, was allowed.
      return counters.commands > passed ? 'allowed' : verdictOf(latin1(out.take()));
    },
  };
}

function verdictOf(answer: string): GateVerdict {
  // What refuses EXEC says so behind words of its own.
  const reply = answer.replace(/^-EXECABORT Transaction discarded because of: /, '-');
  if (reply.startsWith('-NOAUTH')) return 'noauth';
  if (/^-ERR unknown (?:sub)?command/.test(reply)) return 'unknown';
  if (reply.startsWith('-ERR wrong number of arguments for')) return 'arity';
  if (!reply.startsWith('-NOPERM')) throw new Error(`neither allowed nor denied: ${reply}`);
  if (reply.includes('one of the channels')) return 'channel';
  return / key/.test(reply) ? 'key' : 'command';
}

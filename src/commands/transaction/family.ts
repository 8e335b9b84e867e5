/** MULTI, EXEC and DISCARD; WATCH and UNWATCH are in a file of their own, as they run in shards. */
import { type Declaration, sessionCommand } from '../../command/spec.ts';
import { DISCARD_WITHOUT_MULTI } from '../../resp/refusals.ts';

const multi = sessionCommand({
  name: 'MULTI',
  summary: 'From here on commands are queued, to run as one at EXEC.',
  since: '1.2.0',
  complexity: 'O(1)',
  group: 'transactions',
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  args: {},
  run(_args, { session }, out) {
    const refusal = session.beginTransaction();
    if (refusal === undefined) out.ok();
    else out.error(refusal);
  },
});

const exec = sessionCommand({
  name: 'EXEC',
  summary: 'Runs all commands queued since MULTI, unless a watched key has changed.',
  since: '1.2.0',
  complexity: 'Depends on commands in the transaction',
  group: 'transactions',
  flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
  args: {},
  run: (_args, { session }, out) => session.executeTransaction(out),
});

const discard = sessionCommand({
  name: 'DISCARD',
  summary: 'Forgets the commands queued since MULTI, and the watched keys.',
  since: '2.0.0',
  complexity: 'O(N), when N is the number of queued commands',
  group: 'transactions',
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  args: {},
  run(_args, { session }, out) {
    if (session.leaveTransaction()) out.ok();
    else out.error(DISCARD_WITHOUT_MULTI);
  },
});

export const transactionDeclarations: readonly Declaration[] = [discard, exec, multi];

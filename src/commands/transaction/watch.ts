/** WATCH and UNWATCH: they run in the shards that hold the keys, which know best when one changes. */
import { key, many } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { nameOf } from '../../engine/names.ts';
import { Watches } from '../../engine/watches.ts';
import { OOM } from '../../resp/refusals.ts';
import { refused } from '../refused.ts';

export const watch = shardCommand({
  name: 'WATCH',
  summary: 'Lets the next EXEC run only if none of these keys has changed by then.',
  since: '2.2.0',
  complexity: 'O(1) for every key.',
  group: 'transactions',
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  traces: 'leaves',
  args: { keys: many(key('RO')) },
  run({ keys }, call, out) {
    const { request, realm, databaseNumber, client } = call;
    const names: string[] = [];
    let bytes = 0;
    for (let at = keys; at < request.argc; at++) {
      const name = nameOf(databaseNumber, request.bytes, request.start(at), request.end(at));
      names.push(name);
      bytes += Watches.bytesOf(name);
    }
    if (!realm.ensureRoom(bytes)) return refused(out, OOM);
    for (const [i, name] of names.entries()) {
      // A key whose time is over goes now: that it goes later is no change.
      call.database.peek(request.bytes, request.start(keys + i), request.end(keys + i));
      realm.onlookers.watches.add(client, name);
    }
    out.ok();
    return UNCHANGED;
  },
});

export const unwatch = shardCommand({
  name: 'UNWATCH',
  summary: 'Forgets all keys that this connection watches.',
  since: '2.2.0',
  complexity: 'O(1)',
  group: 'transactions',
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  traces: 'clears',
  fanout: { split: 'shards', merge: 'ok' },
  args: {},
  run(_args, { realm, client }, out) {
    realm.onlookers.watches.forget(client);
    out.ok();
    return UNCHANGED;
  },
});

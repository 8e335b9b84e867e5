/** SAVE, BGSAVE, BGREWRITEAOF and LASTSAVE. */
import { token } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { type Refusal, saveFailed } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

function answer(said: Refusal | string, out: ReplyWriter): void {
  if (typeof said === 'string') out.simple(said);
  else out.error(said);
}

/** Nobody else waits for it: the snapshot is taken as BGSAVE takes it, and only its own connection stands still. */
export const save = sessionCommand({
  name: 'SAVE',
  summary: 'Writes a snapshot of the data to the disk and answers when it is there.',
  since: '1.0.0',
  complexity: 'O(N) where N is the total number of keys in all databases',
  group: 'server',
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  ceiling: 'operator',
  args: {},
  run(_args, { server, session }, out) {
    const saving = server.persistence.save();
    if (!(saving instanceof Promise)) return out.error(saving);
    const place = session.block(() => {});
    void saving.then((saved) => {
      place.settle((to) => {
        if (saved.ok) to.ok();
        else to.error(saveFailed(saved.fault));
      });
    });
  },
});

export const bgsave = sessionCommand({
  name: 'BGSAVE',
  summary: 'Begins to write a snapshot of the data to the disk.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['admin', 'noscript', 'no_async_loading'],
  history: [['3.2.2', 'Added the `SCHEDULE` option.']],
  ceiling: 'operator',
  args: { schedule: token('SCHEDULE') },
  run: ({ schedule }, { server }, out) => answer(server.persistence.saveInBackground(schedule), out),
});

export const bgrewriteaof = sessionCommand({
  name: 'BGREWRITEAOF',
  summary: 'Begins to write the append-only log anew.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['admin', 'noscript', 'no_async_loading'],
  ceiling: 'operator',
  args: {},
  run: (_args, { server }, out) => answer(server.persistence.rewriteInBackground(), out),
});

export const lastsave = sessionCommand({
  name: 'LASTSAVE',
  summary: 'Tells when the data was last saved.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['loading', 'stale', 'fast'],
  categories: ['admin', 'dangerous'],
  tips: ['nondeterministic_output'],
  args: {},
  run: (_args, { server }, out) => out.integer(server.persistence.lastSave()),
});

/** MONITOR: every command that runs is shown to this connection, as far as it may see others. */
import { sessionCommand } from '../../command/spec.ts';

export const monitor = sessionCommand({
  name: 'MONITOR',
  summary: 'Shows the commands that run, as they run.',
  since: '1.0.0',
  group: 'server',
  flags: ['admin', 'noscript', 'loading', 'stale'],
  args: {},
  run(_args, { session }, out) {
    // As in redis, asking again is passed over in silence.
    if (session.watch()) out.ok();
  },
});

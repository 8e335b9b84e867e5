/** POLICY: how operators look at the policy in force, and at what rules on trial would have refused. */
import { token } from '../../command/args.ts';
import type { DryRunView } from '../../command/ports/policy.ts';
import { type CommandFlag, container, sessionCommand } from '../../command/spec.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { helpCommand } from './help.ts';

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];
const SINCE = '7.2.0';

const show = sessionCommand({
  name: 'SHOW',
  summary: 'Shows the policy in force as JSON, as the tool diff compares it.',
  since: SINCE,
  complexity: 'O(N) where N is the number of users and tenants',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: {},
  run: (_args, { server }, out) => out.bulkText(server.policy.show()),
});

function writeRow(out: ReplyWriter, row: DryRunView): void {
  const fields: readonly (readonly [string, string | number])[] = [
    ['count', row.count],
    ['reason', row.reason],
    ['username', row.userName],
    ['tenant', row.tenantName],
    ['command', row.command],
    ['object-class', row.objectClass],
    ['timestamp-first', row.firstAt_ms],
    ['timestamp-last', row.lastAt_ms],
  ];
  out.map(fields.length);
  for (const [name, value] of fields) {
    out.bulkText(name);
    if (typeof value === 'number') out.integer(value);
    else out.bulkText(value);
  }
}

const dryrun = sessionCommand({
  name: 'DRYRUN',
  summary: 'Lists what rules on trial (dry_run_acl) would have refused, or forgets it.',
  since: SINCE,
  complexity: 'O(N) where N is the number of rows',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: { reset: token('RESET') },
  run({ reset }, { server: { policy } }, out) {
    if (reset) {
      policy.resetDryRuns();
      return out.ok();
    }
    const rows = policy.dryRuns().toSorted((a, b) => b.count - a.count);
    const unlisted = policy.unlistedDryRuns();
    out.map(2);
    out.bulkText('rows');
    out.array(rows.length);
    for (const row of rows) writeRow(out, row);
    out.bulkText('unlisted');
    out.integer(unlisted);
  },
});

const help = helpCommand({
  container: 'POLICY',
  since: SINCE,
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'DRYRUN [RESET]',
    '    Return what rules on trial would have refused, or forget it.',
    'SHOW',
    '    Return the policy in force as JSON.',
  ],
});

export const policy = container({
  name: 'POLICY',
  summary: 'A container for policy commands of operators',
  since: SINCE,
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [show, dryrun, help],
});

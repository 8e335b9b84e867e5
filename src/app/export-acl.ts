/**
 * `portcullis export-acl [--tenant T] [--leave-out]`: the users of the policies as an ACL file that redis-server 7.0 loads.
 * What a user may not whatever its rules say (the ceiling, addresses, budgets) has no place in such a file.
 */
import { Roster } from '../acl/roster.ts';
import { newUser } from '../acl/rules.ts';
import { bytesOfLatin1, utf8Text } from '../base/bytes.ts';
import { aclLineOf } from '../policy/acl-file.ts';
import { DEFAULT_TENANT } from '../tenancy/tenant.ts';
import { saidNo } from './data-tool.ts';
import { loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult } from './policy-tool.ts';
import { DEFAULT_USER, rosterOf } from './users.ts';

const USAGE = 'usage: export-acl [--tenant T] [--leave-out] [--policies FOLDER]';

export function runExportAcl(args: readonly string[], edge: ToolEdge): ToolResult {
  const words = parseWords(args, { tenant: { type: 'string' }, 'leave-out': { type: 'boolean' } }, true);
  if (!words.ok) return saidNo(words.fault);
  const { values, positionals } = words.value;
  if (positionals.length > 0) return saidNo(USAGE);
  const { folder, policy } = loadForTool(words.value, edge);
  if (!policy.ok) return { exitCode: 1, output: problemLines(folder, policy.fault) };
  const roster = rosterOf(policy.value, edge.table, new Roster(0, []), false);
  if (!roster.ok) return saidNo(roster.fault);
  const tenant = values.get('tenant');
  if (typeof tenant === 'string' && !policy.value.tenants.some(({ name }) => name === tenant)) {
    return saidNo(`there is no tenant '${tenant}'`);
  }
  const chosen = roster.value.users().filter((user) => tenant === undefined || user.tenant === tenant);
  // A file that does not mention it gives Redis a `default` that needs no password and may do everything.
  if (!chosen.some(({ name }) => name === DEFAULT_USER)) {
    chosen.push(newUser(DEFAULT_USER, DEFAULT_TENANT, edge.table, 'builtin'));
  }
  const lines: string[] = [];
  for (const user of chosen) {
    const { line, leftOut } = aclLineOf(user, edge.table);
    if (leftOut.length > 0 && values.get('leave-out') !== true) {
      const rules = leftOut.join(' ');
      return saidNo(`user ${user.name}: Redis 7.0 has no such commands: ${rules} (--leave-out leaves such rules out)`);
    }
    lines.push(line);
  }
  const bytes = bytesOfLatin1(lines.map((line) => `${line}\n`).join(''));
  return { exitCode: 0, output: utf8Text(bytes, 0, bytes.length) };
}

/**
 * `portcullis diff`: what the policies of a folder would change, and whose sessions would end. Compared with the running
 * server, which is asked as an operator, or with another folder. Exit code 0 without changes, 2 with some, 1 when it cannot
 * be said: the policies would be refused, or the server does not answer.
 */
import { resolve } from 'node:path';
import { Roster } from '../acl/roster.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';
import { type Changes, changesOf } from '../policy/changes.ts';
import { describePolicy, descriptionSchema, type PolicyDescription } from '../policy/description.ts';
import type { Policy } from '../policy/policy.ts';
import { type DataEdge, type DataWork, dataWorkOf, saidNo, textOf } from './data-tool.ts';
import { loadForTool, problemLines, type ToolResult } from './policy-tool.ts';
import { askServer } from './running-server.ts';
import { rosterOf } from './users.ts';

const USAGE = 'usage: diff [--against FOLDER | --url rediss://admin@HOST:PORT] [--json] [--policies FOLDER]';

export async function runDiff(args: readonly string[], edge: DataEdge): Promise<ToolResult> {
  const work = dataWorkOf(args, { against: 'string', url: 'string', json: 'boolean' }, edge);
  if (!work.ok) return saidNo(work.fault);
  const against = textOf(work.value, 'against');
  const isBoth = against !== undefined && textOf(work.value, 'url') !== undefined;
  if (work.value.positionals.length > 0 || isBoth) return saidNo(USAGE);
  const after = described(work.value.policy, edge.table);
  if (!after.ok) return saidNo(after.fault);
  const before = against === undefined ? await inForce(work.value) : inFolder(against, work.value, edge);
  if (!before.ok) return saidNo(before.fault);
  const changes = changesOf(before.value, after.value);
  const isEmpty = changes.changes.length === 0 && changes.closings.length === 0;
  const output = work.value.own.get('json') === true ? `${JSON.stringify(changes)}\n` : changesText(changes);
  return { exitCode: isEmpty ? 0 : 2, output };
}

function described(policy: Policy, table: CommandTable): Result<PolicyDescription> {
  const roster = rosterOf(policy, table, new Roster(0, []), false);
  return roster.ok ? success(describePolicy(policy, roster.value, () => [])) : roster;
}

function inFolder(folder: string, { options, cwd }: DataWork, edge: DataEdge): Result<PolicyDescription> {
  const values = new Map([
    ['policies', resolve(cwd, folder)],
    ['certs', options.certificatesFolder],
  ]);
  const loaded = loadForTool({ values, positionals: [] }, edge);
  if (!loaded.policy.ok) return failure(problemLines(folder, loaded.policy.fault));
  return described(loaded.policy.value, edge.table);
}

async function inForce(work: DataWork): Promise<Result<PolicyDescription>> {
  const reply = await askServer(work, ['POLICY', 'SHOW']);
  if (!reply.ok) return failure(`${reply.fault} (to compare folders say --against FOLDER)`);
  try {
    return success(descriptionSchema.parse(JSON.parse(String(reply.value))));
  } catch {
    return failure('the server does not describe its policy as this version does');
  }
}

const MARKS = { added: '+', removed: '-', changed: '~' } as const;

/** For a terminal. Names and rules are texts from files and from other machines. */
function changesText({ changes, closings }: Changes): string {
  if (changes.length === 0 && closings.length === 0) return 'nothing would change\n';
  const lines: string[] = [];
  for (const { kind, what, name, details } of changes) {
    lines.push(`${MARKS[kind]} ${what} ${name}`);
    for (const detail of details) if (detail !== '') lines.push(`    ${detail}`);
  }
  if (closings.length > 0) lines.push('sessions that would end');
  for (const { user, tenant, why, connections } of closings) {
    const open = connections === 0 ? '' : `, ${connections} connection${connections === 1 ? '' : 's'} open`;
    lines.push(`    ${user} of ${tenant}: ${why}${open}`);
  }
  return lines.map((line) => `${oneLine(line)}\n`).join('');
}

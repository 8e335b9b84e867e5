/**
 * `portcullis explain --user U --address A -- COMMAND args…`: would this request pass, and which gate decides. The gates
 * stand in the order in which a connection and then its request meet them, and each is asked with the very function that
 * requests are judged by.
 */
import { Roster } from '../acl/roster.ts';
import { bytesOf, latin1 } from '../base/bytes.ts';
import { parseAddress } from '../base/cidr.ts';
import type { Policy } from '../policy/policy.ts';
import { Request } from '../resp/request.ts';
import { BUDGET_GATES } from './explain/budget-gates.ts';
import { CONNECTION_GATES } from './explain/connection-gates.ts';
import type { Asked, Gate, GateStep, Question } from './explain/gate.ts';
import { LOGIN_GATES } from './explain/login-gates.ts';
import { REQUEST_GATES } from './explain/request-gates.ts';
import { loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult } from './policy-tool.ts';
import { rosterOf } from './users.ts';

/** The whole way of a request, gate by gate. */
const CHAIN: readonly GateStep[] = [...CONNECTION_GATES, ...LOGIN_GATES, ...REQUEST_GATES, ...BUDGET_GATES];

export interface Explanation {
  readonly allowed: boolean;
  /** Of the gate that refuses; `ok` when none does. */
  readonly code: string;
  readonly user: string;
  readonly tenant: string;
  /** Up to and including the first that refuses. */
  readonly gates: readonly Gate[];
}

const USAGE =
  'usage: explain --user NAME --address ADDRESS [--plain] [--json] [--policies FOLDER] -- COMMAND [ARGUMENT…]';

/** Exit code 0 when the request would pass, 2 when a gate refuses, 1 when the question cannot be answered. */
export function runExplain(args: readonly string[], edge: ToolEdge): ToolResult {
  const fail = (why: string): ToolResult => ({ exitCode: 1, output: `${why}\n` });
  const words = parseWords(
    args,
    { user: { type: 'string' }, address: { type: 'string' }, plain: { type: 'boolean' }, json: { type: 'boolean' } },
    true,
  );
  if (!words.ok) return fail(`${words.fault}\n${USAGE}`);
  const { values, positionals } = words.value;
  const user = values.get('user');
  const addressText = values.get('address') ?? '127.0.0.1';
  if (typeof user !== 'string' || typeof addressText !== 'string' || positionals.length === 0) return fail(USAGE);
  const address = parseAddress(addressText);
  if (address === undefined) return fail(`'${addressText}' is no address`);
  const { folder, policy } = loadForTool(words.value, edge);
  if (!policy.ok) return { exitCode: 1, output: problemLines(folder, policy.fault) };
  const listener = values.get('plain') === true ? 'plain' : 'tls';
  const explained = explain(policy.value, edge, { user, address, listener, words: positionals });
  const output = values.get('json') === true ? `${JSON.stringify(explained)}\n` : textOf(explained, positionals);
  return { exitCode: explained.allowed ? 0 : 2, output };
}

function textOf({ allowed, user, tenant, gates }: Explanation, words: readonly string[]): string {
  const width = Math.max(...gates.map(({ gate }) => gate.length));
  const codes = Math.max(...gates.map(({ code }) => code.length));
  const lines = gates.map(
    ({ gate, verdict, code, why }) => `  ${gate.padEnd(width)}  ${verdict.padEnd(7)}  ${code.padEnd(codes)}  ${why}\n`,
  );
  const last = gates.at(-1);
  const verdict = allowed ? 'would pass' : `would be refused by: ${last?.gate ?? ''}`;
  return `${words.join(' ')}\n  as ${user} of tenant ${tenant === '' ? '(none)' : tenant}: ${verdict}\n\n${lines.join('')}`;
}

/** Pure: the answer follows from the policy and the command table alone. */
export function explain(
  policy: Policy,
  { table }: Pick<ToolEdge, 'table'>,
  question: Question,
  users: Roster = usersOf(policy, table),
): Explanation {
  const name = latin1(bytesOf(question.user));
  const known = users.get(name);
  const terms = policy.tenants.find((one) => one.name === known?.tenant);
  const request = Request.of(...question.words.map((word) => bytesOf(word)));
  const written = policy.users.find((one) => one.name === name);
  const asked: Asked = { ...question, policy, request, known, terms, written, command: table.resolve(request) };
  const gates: Gate[] = [];
  for (const { gate, judge } of CHAIN) {
    const finding = judge(asked);
    if (finding === undefined) continue;
    gates.push({ gate, ...finding });
    if (finding.verdict === 'refuse') break;
  }
  const last = gates.at(-1);
  const allowed = last?.verdict !== 'refuse';
  return { allowed, code: allowed ? 'ok' : (last?.code ?? ''), user: question.user, tenant: terms?.name ?? '', gates };
}

function usersOf(policy: Policy, table: ToolEdge['table']): Roster {
  const roster = rosterOf(policy, table, new Roster(0, []), false);
  return roster.ok ? roster.value : new Roster(0, []);
}

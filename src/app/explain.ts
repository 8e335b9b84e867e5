/**
 * `portcullis explain --user U --address A -- COMMAND args…`: would this request pass, and which gate decides; with
 * `--token FILE` or `--claims FILE`, of who comes with that token. The gates
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
import { type Credential, type CredentialEdge, readCredential, withoutTokens } from './explain/credential.ts';
import type { Asked, Gate, GateStep, Question } from './explain/gate.ts';
import { LOGIN_GATES } from './explain/login-gates.ts';
import { REQUEST_GATES } from './explain/request-gates.ts';
import { judgeCredential, readable, type TokenEdge, type TokenJudged } from './explain/token-gates.ts';
import { loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult, type Words } from './policy-tool.ts';
import { rosterOf } from './users.ts';

/** The way of a request behind the token, if one is shown, gate by gate. */
const CHAIN: readonly GateStep[] = [...LOGIN_GATES, ...REQUEST_GATES, ...BUDGET_GATES];

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
  'usage: explain --user NAME|--token FILE|--claims FILE --address ADDRESS [--server-name NAME|--plain] [--json] [--policies FOLDER] -- COMMAND [ARGUMENT…]';

export type ExplainEdge = ToolEdge & TokenEdge & CredentialEdge;

/** Exit code 0 when the request would pass, 2 when a gate refuses, 1 when the question cannot be answered. */
export async function runExplain(args: readonly string[], edge: ExplainEdge): Promise<ToolResult> {
  const words = parseWords(
    args,
    {
      user: { type: 'string' },
      token: { type: 'string' },
      claims: { type: 'string' },
      address: { type: 'string' },
      'server-name': { type: 'string' },
      plain: { type: 'boolean' },
      json: { type: 'boolean' },
    },
    true,
  );
  const { output, exitCode } = words.ok
    ? await answer(words.value, edge)
    : { exitCode: 1, output: `${words.fault}\n${USAGE}\n` };
  // A token among the words of a command, or in place of a name, is not repeated either.
  return { exitCode, output: withoutTokens(output, undefined) };
}

async function answer(words: Words, edge: ExplainEdge): Promise<ToolResult> {
  const fail = (why: string): ToolResult => ({ exitCode: 1, output: `${why}\n` });
  const { values, positionals } = words;
  const text = (flag: string): string | undefined => {
    const value = values.get(flag);
    return typeof value === 'string' ? value : undefined;
  };
  const user = text('user');
  const [token, claims] = [text('token'), text('claims')];
  const isAsked = user !== undefined || token !== undefined || claims !== undefined;
  if (!isAsked || (token !== undefined && claims !== undefined) || positionals.length === 0) return fail(USAGE);
  const addressText = text('address') ?? '127.0.0.1';
  const address = parseAddress(addressText);
  if (address === undefined) return fail(`'${addressText}' is no address`);
  const listener = values.get('plain') === true ? 'plain' : 'tls';
  const serverName = text('server-name');
  if (listener === 'plain' && serverName !== undefined) return fail('a plain listener is asked for no server name');
  const where = token ?? claims;
  const read =
    where === undefined ? undefined : await readCredential(token === undefined ? 'claims' : 'token', where, edge);
  if (read?.ok === false) return fail(read.fault);
  const credential = read?.value;
  const { folder, policy } = loadForTool(words, edge);
  if (!policy.ok) return { exitCode: 1, output: problemLines(folder, policy.fault) };
  const question = { user: user ?? '', address, listener, serverName, words: positionals } as const;
  const explained =
    credential === undefined
      ? explain(policy.value, edge, question)
      : await explainToken(policy.value, edge, question, credential);
  const output = values.get('json') === true ? `${JSON.stringify(explained)}\n` : textOf(explained, positionals);
  return { exitCode: explained.allowed ? 0 : 2, output: withoutTokens(output, credential) };
}

/** The same of who comes with a token, beside which `user` may be said or be empty. */
export async function explainToken(
  policy: Policy,
  edge: Pick<ToolEdge, 'table'> & TokenEdge,
  question: Question,
  credential: Credential,
  users: Roster = usersOf(policy, edge.table),
): Promise<Explanation> {
  const said = question.user === '' ? undefined : latin1(bytesOf(question.user));
  const judged = await judgeCredential(credential, { policy, table: edge.table, users, said }, edge);
  const name = judged.proven === undefined ? '(nobody)' : readable(judged.proven.user.name);
  return explain(policy, edge, { ...question, user: name }, users, judged);
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
  token?: TokenJudged,
): Explanation {
  const name = latin1(bytesOf(question.user));
  const known = token === undefined ? users.get(name) : token.proven?.user;
  const terms = policy.tenants.find((one) => one.name === known?.tenant);
  const request = Request.of(...question.words.map((word) => bytesOf(word)));
  const written = policy.users.find((one) => one.name === name);
  const command = table.resolve(request);
  const asked: Asked = { ...question, policy, request, known, terms, written, token: token?.proven, command };
  const gates: Gate[] = [];
  for (const one of gatesOf(asked, token)) {
    gates.push(one);
    if (one.verdict === 'refuse') break;
  }
  const last = gates.at(-1);
  const allowed = last?.verdict !== 'refuse';
  return { allowed, code: allowed ? 'ok' : (last?.code ?? ''), user: question.user, tenant: terms?.name ?? '', gates };
}

/** One at a time: behind a gate that refuses none is asked. */
function* gatesOf(asked: Asked, token: TokenJudged | undefined): Generator<Gate> {
  yield* found(CONNECTION_GATES, asked);
  if (token !== undefined) yield* token.gates;
  yield* found(CHAIN, asked);
}

function* found(steps: readonly GateStep[], asked: Asked): Generator<Gate> {
  for (const { gate, judge } of steps) {
    const finding = judge(asked);
    if (finding !== undefined) yield { gate, ...finding };
  }
}

function usersOf(policy: Policy, table: ToolEdge['table']): Roster {
  const roster = rosterOf(policy, table, new Roster(0, []), false);
  return roster.ok ? roster.value : new Roster(0, []);
}

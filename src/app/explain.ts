/**
 * `portcullis explain --user U --address A -- COMMAND args…`: would this request pass, and which gate decides. The gates
 * stand in the order in which a connection and then its request meet them, and each is asked with the very function that
 * requests are judged by.
 */
import { ALLOWED, checkAll, checkCommand, DENIED_CHANNEL, denied, type Verdict } from '../acl/check.ts';
import { Roster } from '../acl/roster.ts';
import type { User } from '../acl/user.ts';
import { bytesOf, latin1, utf8Text } from '../base/bytes.ts';
import { type Allowlist, type ParsedAddress, parseAddress } from '../base/cidr.ts';
import { type Command, KeyList } from '../command/command.ts';
import type { GatewayPolicy, Policy } from '../policy/policy.ts';
import { Request } from '../resp/request.ts';
import type { TenantTerms } from '../tenancy/tenant.ts';
import { SYSTEM_TENANT } from '../tenancy/tenant.ts';
import { loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult } from './policy-tool.ts';
import { rosterOf } from './users.ts';

/** `depends`: decided by what else is going on when the request comes. */
export type GateVerdict = 'pass' | 'refuse' | 'depends';

export interface Gate {
  readonly gate: string;
  readonly verdict: GateVerdict;
  readonly why: string;
}

export interface Explanation {
  readonly allowed: boolean;
  readonly user: string;
  readonly tenant: string;
  /** Up to and including the first that refuses. */
  readonly gates: readonly Gate[];
}

export interface Question {
  /** UTF-8. */
  readonly user: string;
  readonly address: ParsedAddress;
  readonly listener: 'tls' | 'plain';
  readonly words: readonly string[];
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
  const lines = gates.map(({ gate, verdict, why }) => `  ${gate.padEnd(width)}  ${verdict.padEnd(7)}  ${why}\n`);
  const last = gates.at(-1);
  const verdict = allowed ? 'would pass' : `would be refused by: ${last?.gate ?? ''}`;
  return `${words.join(' ')}\n  as ${user} of tenant ${tenant === '' ? '(none)' : tenant}: ${verdict}\n\n${lines.join('')}`;
}

class Refused extends Error {}

/** Gathers verdicts; the first refusal ends the walk. */
class Walk {
  readonly gates: Gate[] = [];

  pass(gate: string, why: string): void {
    this.gates.push({ gate, verdict: 'pass', why });
  }

  depends(gate: string, why: string): void {
    this.gates.push({ gate, verdict: 'depends', why });
  }

  refuse(gate: string, why: string): never {
    this.gates.push({ gate, verdict: 'refuse', why });
    throw new Refused();
  }
}

/** Pure: the answer follows from the policy and the command table alone. */
export function explain(policy: Policy, { table }: Pick<ToolEdge, 'table'>, question: Question): Explanation {
  const walk = new Walk();
  const name = latin1(bytesOf(question.user));
  const roster = rosterOf(policy, table, new Roster(0, []), false);
  const user = roster.ok ? roster.value.get(name) : undefined;
  const tenant = policy.tenants.find((one) => one.name === user?.tenant);
  let allowed = true;
  try {
    listenerGate(walk, policy.gateway, question);
    const known = loginGates(walk, policy, question, { name, user, tenant });
    requestGates(walk, table, question.words, known.user);
    budgetGates(walk, known.tenant, question.words);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    allowed = false;
  }
  return { allowed, user: question.user, tenant: tenant?.name ?? '', gates: walk.gates };
}

function listGate(walk: Walk, gate: string, list: Allowlist | undefined, address: ParsedAddress): void {
  if (list === undefined) return walk.pass(gate, 'no addresses are listed: anybody');
  if (!list.allows(address)) walk.refuse(gate, `${address} is in none of ${listed(list.rules)}`);
  walk.pass(gate, `${address} is in ${listed(list.rules)}`);
}

function listed(rules: readonly string[]): string {
  const shown = rules.slice(0, 5).join(', ');
  return rules.length > 5 ? `${shown} and ${rules.length - 5} more` : shown;
}

function listenerGate(walk: Walk, gateway: GatewayPolicy, { listener, address }: Question): void {
  const { port, addresses, proxies } = gateway[listener];
  if (port === 0) walk.refuse('listener', `there is no ${listener} listener`);
  if (proxies !== undefined) walk.pass('PROXY header', `${address} as said by a balancer in ${listed(proxies.rules)}`);
  listGate(walk, 'listener addresses', addresses, address);
}

interface Known {
  readonly user: User;
  readonly tenant: TenantTerms;
}

function loginGates(
  walk: Walk,
  policy: Policy,
  { user: shownName, address }: Question,
  found: { readonly name: string; readonly user: User | undefined; readonly tenant: TenantTerms | undefined },
): Known {
  const { name, user, tenant } = found;
  if (user === undefined || tenant === undefined) return walk.refuse('user', `no user is called ${shownName}`);
  if (!user.enabled) walk.refuse('user', `${shownName} is off`);
  const doors = user.passwordHashes.length;
  if (!user.nopass && doors === 0) walk.refuse('user', `${shownName} has no password, so nobody can log in`);
  walk.pass(
    'user',
    user.nopass ? 'on, needs no password' : `on, with one of ${doors} password${doors === 1 ? '' : 's'}`,
  );
  if (tenant.suspended) walk.refuse('tenant', `${tenant.name} is suspended`);
  walk.pass('tenant', tenant.name);
  if (tenant.name === SYSTEM_TENANT) listGate(walk, 'admin addresses', policy.gateway.adminAddresses, address);
  listGate(walk, 'tenant addresses', tenant.addresses, address);
  listGate(walk, 'user addresses', policy.users.find((one) => one.name === name)?.addresses, address);
  return { user, tenant };
}

function requestGates(walk: Walk, table: ToolEdge['table'], words: readonly string[], user: User): void {
  const request = Request.of(...words.map((word) => bytesOf(word)));
  const command = table.resolve(request);
  const asked = words.slice(0, 2).join(' ');
  if (command === undefined) return walk.refuse('command', `there is no command '${asked}'`);
  walk.pass('command', command.fullName);
  if (!command.arityHolds(request.argc)) walk.refuse('arity', `wrong number of arguments for ${command.fullName}`);
  const count = request.argc - 1;
  walk.pass('arity', `${count} argument${count === 1 ? '' : 's'}`);
  if (!checkCommand(user, command, request)) walk.refuse('acl', `the rules do not allow ${command.fullName}`);
  if (command.ceiling === 'operator' && user.tenant !== SYSTEM_TENANT) {
    walk.refuse(
      'ceiling',
      `only users of the tenant ${SYSTEM_TENANT} may run ${command.fullName}, whatever the ACL says`,
    );
  }
  walk.pass('ceiling', command.ceiling === 'operator' ? 'for operators, and this is one' : 'open to tenants');
  aclGate(walk, command, request, user);
}

function aclGate(walk: Walk, command: Command, request: Request, user: User): void {
  const refusal = command.parse(request);
  const keys = new KeyList();
  command.keys(request, keys);
  const verdict = checkAll(user, command, request, keys);
  if (verdict !== ALLOWED) walk.refuse('acl', whyDenied(verdict, command, request));
  const named = Array.from({ length: keys.count }, (_, i) => argument(request, keys.at[i] ?? 0));
  const nothing = command.hasChannels ? 'no channels' : 'no keys';
  walk.pass('acl', named.length === 0 ? `${command.fullName}, ${nothing}` : `${command.fullName} on ${listed(named)}`);
  if (refusal !== undefined) walk.refuse('syntax', refusal.text);
  walk.pass('syntax', 'understood');
}

function whyDenied(verdict: Verdict, command: Command, request: Request): string {
  if (denied.argument === 0) return `the rules do not allow ${command.fullName}`;
  const what = verdict === DENIED_CHANNEL ? 'channel' : 'key';
  return `no rule allows ${command.fullName} the ${what} ${argument(request, denied.argument)}`;
}

function argument(request: Request, at: number): string {
  return utf8Text(request.bytes, request.start(at), request.end(at));
}

/** What is left depends on the moment; here is what it is measured against. */
function budgetGates(walk: Walk, { budget }: TenantTerms, words: readonly string[]): void {
  const longest = Math.max(...words.map((word) => bytesOf(word).length));
  const { largestValueBytes, commandsPerSecond, memoryBytes, policy, bytesInPerSecond, bytesOutPerSecond } = budget;
  if (largestValueBytes > 0 && longest > largestValueBytes) {
    walk.refuse('largest value', `${longest} bytes, the budget is ${largestValueBytes}`);
  }
  if (budget.connections > 0) walk.depends('connections', `up to ${budget.connections} at a time`);
  if (commandsPerSecond > 0) walk.depends('rate', `up to ${commandsPerSecond} commands per second`);
  if (bytesInPerSecond > 0) walk.depends('bytes in', `up to ${bytesInPerSecond} per second, then slowed down`);
  if (bytesOutPerSecond > 0) walk.depends('bytes out', `up to ${bytesOutPerSecond} per second, then slowed down`);
  if (memoryBytes > 0) walk.depends('memory', `up to ${memoryBytes} bytes, then ${policy}`);
}

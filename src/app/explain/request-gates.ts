/** The gates of a request, in the order of `gateway/dispatch.ts`: each asks the function that requests are judged by. */
import {
  ALLOWED,
  checkAll,
  checkCommand,
  DENIED_CHANNEL,
  DENIED_COMMAND,
  denied,
  type Verdict,
} from '../../acl/check.ts';
import type { User } from '../../acl/user.ts';
import { utf8Text } from '../../base/bytes.ts';
import { type Command, KeyList } from '../../command/command.ts';
import type { Request } from '../../resp/request.ts';
import { SYSTEM_TENANT } from '../../tenancy/tenant.ts';
import { type Asked, depends, type Finding, type GateStep, listed, pass, refuse, userBudgetOf } from './gate.ts';

/** What stands in the way of the bytes themselves, before anybody knows what they mean. */
function sizeFinding({ policy, terms, request }: Asked): Finding {
  const ofEverybody = policy.gateway.limits.protoMaxBulkBytes;
  const ofTenant = terms?.budget.largestValueBytes ?? 0;
  const most = ofTenant > 0 ? Math.min(ofTenant, ofEverybody) : ofEverybody;
  let longest = 0;
  for (let at = 0; at < request.argc; at++) longest = Math.max(longest, request.end(at) - request.start(at));
  if (longest <= most) return pass(`no argument is over ${most} bytes`);
  return refuse('budget_value', `${longest} bytes, the limit is ${most}`);
}

function argument(request: Request, at: number): string {
  return utf8Text(request.bytes, request.start(at), request.end(at));
}

interface Judged {
  readonly verdict: Verdict;
  /** The argument a denial is about; 0 for the command. */
  readonly at: number;
  readonly keys: KeyList;
}

/** The very question that `gateway/dispatch.ts` asks of the arguments. */
function judged(user: User, command: Command, request: Request): Judged {
  const keys = new KeyList();
  command.parse(request);
  command.keys(request, keys);
  const verdict = checkAll(user, command, request, keys);
  return { verdict, at: verdict === ALLOWED ? 0 : denied.argument, keys };
}

function codeOf(verdict: Verdict): string {
  if (verdict === DENIED_COMMAND) return 'acl_command';
  return verdict === DENIED_CHANNEL ? 'acl_channel' : 'acl_key';
}

function whyDenied({ verdict, at }: Judged, command: Command, request: Request): string {
  if (at === 0) return `the rules do not allow ${command.fullName}`;
  const what = verdict === DENIED_CHANNEL ? 'channel' : 'key';
  return `no rule allows ${command.fullName} the ${what} ${argument(request, at)}`;
}

function argumentsFinding({ known, command, request }: Asked): Finding | undefined {
  if (known === undefined || command === undefined) return undefined;
  const found = judged(known, command, request);
  if (found.verdict !== ALLOWED) return refuse(codeOf(found.verdict), whyDenied(found, command, request));
  const { keys } = found;
  const named = Array.from({ length: keys.count }, (_, i) => argument(request, keys.at[i] ?? 0));
  if (named.length > 0) return pass(`${command.fullName} on ${listed(named)}`);
  return pass(`${command.fullName}, ${command.hasChannels ? 'no channels' : 'no keys'}`);
}

/** Rules that only report never refuse: the code says what they would have counted. */
function dryRunFinding({ known, command, request }: Asked): Finding | undefined {
  if (known?.dryRun === undefined || command === undefined) return undefined;
  const found = judged(known.dryRun, command, request);
  if (found.verdict === ALLOWED) return pass('the rules on trial allow it');
  const why = whyDenied(found, command, request);
  return pass(`the rules on trial would refuse: ${why}`, `would_deny_${codeOf(found.verdict)}`);
}

export const REQUEST_GATES: readonly GateStep[] = [
  { gate: 'largest value', judge: sizeFinding },
  {
    gate: 'command',
    judge({ words, command }) {
      const asked = words.slice(0, 2).join(' ');
      if (command === undefined) return refuse('unknown_command', `there is no command '${asked}'`);
      return pass(command.fullName);
    },
  },
  {
    gate: 'arity',
    judge({ command, request }) {
      if (command?.arityHolds(request.argc) === false) {
        return refuse('wrong_arity', `wrong number of arguments for ${command.fullName}`);
      }
      const count = request.argc - 1;
      return pass(`${count} argument${count === 1 ? '' : 's'}`);
    },
  },
  {
    gate: 'acl command',
    judge({ known, command, request }) {
      if (known === undefined || command === undefined) return undefined;
      if (checkCommand(known, command, request)) return pass(command.fullName);
      return refuse('acl_command', `the rules do not allow ${command.fullName}`);
    },
  },
  {
    gate: 'ceiling',
    judge({ known, command }) {
      if (command?.ceiling !== 'operator') return pass('open to tenants');
      if (known?.tenant === SYSTEM_TENANT) return pass('for operators, and this is one');
      return refuse(
        'ceiling',
        `only users of the tenant ${SYSTEM_TENANT} may run ${command.fullName}, whatever the ACL says`,
      );
    },
  },
  {
    gate: 'rate',
    judge({ terms }) {
      const most = terms?.budget.commandsPerSecond ?? 0;
      return most === 0 ? undefined : depends('budget_commands', `up to ${most} commands per second`);
    },
  },
  {
    gate: 'rate of the user',
    judge(asked) {
      const most = userBudgetOf(asked)?.commandsPerSecond ?? 0;
      return most === 0 ? undefined : depends('user_commands', `up to ${most} commands per second`);
    },
  },
  { gate: 'acl', judge: argumentsFinding },
  { gate: 'dry run', judge: dryRunFinding },
  {
    gate: 'syntax',
    judge({ command, request }) {
      const refusal = command?.parse(request);
      return refusal === undefined ? pass('understood') : refuse('syntax', refusal.text);
    },
  },
];

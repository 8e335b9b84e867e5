/**
 * What a gate of `explain` is: a name and a pure function from what is asked to what it finds. The chain is a list of them,
 * so a gate more is an entry more.
 */
import type { User } from '../../acl/user.ts';
import type { Allowlist, ParsedAddress } from '../../base/cidr.ts';
import type { Command } from '../../command/command.ts';
import type { Proven } from '../../gateway/proof.ts';
import { NameTable } from '../../gateway/server-names.ts';
import type { Policy, PolicyUser } from '../../policy/policy.ts';
import type { ServerNamePolicy } from '../../policy/tls.ts';
import type { Request } from '../../resp/request.ts';
import type { UserBudget } from '../../tenancy/budget.ts';
import type { TenantTerms } from '../../tenancy/tenant.ts';

/** `depends`: decided by what else is going on when the request comes. */
type GateVerdict = 'pass' | 'refuse' | 'depends';

export interface Finding {
  readonly verdict: GateVerdict;
  /** A stable word: `ok` for a pass without a remark, else the reason, refused already or only possible. */
  readonly code: string;
  readonly why: string;
}

export interface Gate extends Finding {
  readonly gate: string;
}

export interface Question {
  /** UTF-8. */
  readonly user: string;
  readonly address: ParsedAddress;
  readonly listener: 'tls' | 'plain';
  /** What the client asks for in its handshake; undefined: nothing. */
  readonly serverName?: string | undefined;
  readonly words: readonly string[];
}

/** Everything that gates look at, looked up once. */
export interface Asked extends Question {
  readonly policy: Policy;
  readonly request: Request;
  /** As the roster of this policy has it. */
  readonly known: User | undefined;
  readonly terms: TenantTerms | undefined;
  readonly written: PolicyUser | undefined;
  /** Whom a token has proven; undefined: nobody, or the question is not about one. */
  readonly token: Proven | undefined;
  readonly command: Command | undefined;
}

export interface GateStep {
  readonly gate: string;
  /** Undefined: this gate is not on the way of such a request. */
  readonly judge: (asked: Asked) => Finding | undefined;
}

/** What the user may use by itself: of the files, or of the role that a token has. */
export function userBudgetOf({ written, token }: Asked): UserBudget | undefined {
  const proof = token?.proof;
  return written?.budget ?? (proof?.kind === 'token' ? proof.template?.budget : undefined);
}

/** The entry of the name that is asked for; `unknown`: a client that asks so is turned away. */
export function serverNameOf({ policy, listener, serverName }: Asked): ServerNamePolicy | 'unknown' | undefined {
  if (listener === 'plain') return undefined;
  const { names, unknownName } = policy.gateway.tls;
  const table = new NameTable(names, unknownName === 'deny');
  if (table.refuses(serverName)) return 'unknown';
  return serverName === undefined ? undefined : table.find(serverName);
}

export function pass(why: string, code = 'ok'): Finding {
  return { verdict: 'pass', code, why };
}

export function refuse(code: string, why: string): Finding {
  return { verdict: 'refuse', code, why };
}

export function depends(code: string, why: string): Finding {
  return { verdict: 'depends', code, why };
}

/** A list of addresses that the client must be in. */
export function addressFinding(list: Allowlist | undefined, { address }: Asked): Finding {
  if (list === undefined) return pass('no addresses are listed: anybody');
  if (!list.allows(address)) return refuse('address_not_listed', `${address} is in none of ${listed(list.rules)}`);
  return pass(`${address} is in ${listed(list.rules)}`);
}

export function listed(words: readonly string[]): string {
  const shown = words.slice(0, 5).join(', ');
  return words.length > 5 ? `${shown} and ${words.length - 5} more` : shown;
}

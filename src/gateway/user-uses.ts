/**
 * What users use of budgets of their own: those of the files, and those that tokens make, whose role has one. Of the latter
 * there may be any number, so that those who are here are kept, and of the others the latest to leave: whoever comes back
 * finds what was spent, and no fresh burst.
 */
import { makeRoom } from '../base/bounded.ts';
import { RATE_TOKEN_USERS_MAX, USER_BUDGETS_SHOWN_MAX } from '../base/limits.ts';
import type { UserUses as Shown, UserUseView } from '../command/ports/server.ts';
import type { TokenTemplate } from '../identity/terms.ts';
import type { UserBudget } from '../tenancy/budget.ts';
import { Rates } from '../tenancy/rate.ts';
import type { Core } from './core.ts';
import type { SessionProof } from './proof.ts';

/** Who a user is as far as budgets go. */
interface Owner {
  readonly name: string;
  readonly tenantName: string;
  /** Empty: a user of the files. */
  readonly role: string;
}

/** A user that has a budget of its own. */
export interface UserUse extends Owner {
  readonly rates: Rates;
  budget: UserBudget;
  connections: number;
  /** Since the process began, or since it was forgotten. */
  refused: number;
  delayed: number;
  connectionsRefused: number;
}

export class UserUses {
  private readonly core: Core;
  private readonly named: Map<string, UserUse>;
  /** Made by tokens, with a connection and without. */
  private readonly present: Map<string, UserUse>;
  private readonly absent: Map<string, UserUse>;

  constructor(core: Core) {
    this.core = core;
    this.named = new Map();
    this.present = new Map();
    this.absent = new Map();
  }

  /** A new view: budgets in use change in place, as connections hold them. */
  adopt(now_ms: number): void {
    const { userBudgets } = this.core.view;
    for (const [name, use] of this.named) {
      const budget = userBudgets?.get(name);
      if (budget === undefined) this.named.delete(name);
      else change(use, budget, now_ms);
    }
  }

  /** Undefined: it has no budget of its own. */
  of(user: Pick<Owner, 'name'> & { readonly tenant: string }, proof: SessionProof | undefined): UserUse | undefined {
    const template = proof?.kind === 'token' ? proof.template : undefined;
    if (template !== undefined)
      return this.ofMade({ name: user.name, tenantName: user.tenant, role: template.role }, template);
    const budget = this.core.view.userBudgets?.get(user.name);
    if (budget === undefined) return undefined;
    const known = this.named.get(user.name);
    if (known !== undefined) return known;
    const use = useOf({ name: user.name, tenantName: user.tenant, role: '' }, budget, this.core.clock.monotonicMs());
    this.named.set(user.name, use);
    return use;
  }

  private ofMade(owner: Owner, { budget }: TokenTemplate): UserUse | undefined {
    if (budget === undefined) return undefined;
    const key = keyOf(owner);
    const now_ms = this.core.clock.monotonicMs();
    const known = this.present.get(key) ?? this.absent.get(key);
    if (known !== undefined) {
      if (known.budget !== budget) change(known, budget, now_ms);
      return known;
    }
    const use = useOf(owner, budget, now_ms);
    makeRoom(this.absent, RATE_TOKEN_USERS_MAX);
    this.absent.set(key, use);
    return use;
  }

  /** One connection more. */
  enter(use: UserUse): void {
    if (use.role !== '' && use.connections === 0) {
      const key = keyOf(use);
      this.absent.delete(key);
      this.present.set(key, use);
    }
    use.connections++;
  }

  /** One less. */
  leave(use: UserUse): void {
    use.connections--;
    if (use.role === '' || use.connections > 0) return;
    const key = keyOf(use);
    this.present.delete(key);
    makeRoom(this.absent, RATE_TOKEN_USERS_MAX);
    this.absent.set(key, use);
  }

  /** For TENANT INFO: who has a budget, whether it has been asked of or not. */
  shown(tenantName: string): Shown {
    const { acl, view } = this.core;
    const shown: UserUseView[] = [];
    let unlisted = 0;
    const show = (one: UserUse) => {
      if (one.tenantName !== tenantName) return;
      if (shown.length < USER_BUDGETS_SHOWN_MAX) shown.push(viewOf(one));
      else unlisted++;
    };
    for (const [name, budget] of view.userBudgets ?? []) {
      const user = acl.roster.get(name);
      if (user !== undefined)
        show(this.named.get(name) ?? useOf({ name, tenantName: user.tenant, role: '' }, budget, 0));
    }
    for (const uses of [this.present, this.absent]) for (const use of uses.values()) show(use);
    return { shown, unlisted };
  }
}

/** Of its parts none but the last may hold a blank. */
function keyOf({ tenantName, name, role }: Owner): string {
  return `${tenantName} ${name} ${role}`;
}

function change(use: UserUse, budget: UserBudget, now_ms: number): void {
  use.budget = budget;
  use.rates.adopt(budget, now_ms);
}

function useOf(owner: Owner, budget: UserBudget, now_ms: number): UserUse {
  const rates = new Rates(budget, now_ms);
  return { ...owner, rates, budget, connections: 0, refused: 0, delayed: 0, connectionsRefused: 0 };
}

function viewOf({ name, role, budget, connections, refused, delayed, connectionsRefused }: UserUse): UserUseView {
  return {
    name,
    role,
    connections,
    connectionsMax: budget.connections,
    connectionsPerSecondMax: budget.connectionsPerSecond,
    commandsPerSecondMax: budget.commandsPerSecond,
    bytesInPerSecondMax: budget.bytesInPerSecond,
    bytesOutPerSecondMax: budget.bytesOutPerSecond,
    commandsRefused: refused,
    commandsDelayed: delayed,
    connectionsRefused,
  };
}

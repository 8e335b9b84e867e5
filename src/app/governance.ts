/**
 * The policy in force, brought to everybody who lives by it: tenants and their budgets, users, limits. A policy is adopted
 * as a whole; one that is not right changes nothing.
 *
 *   files ─▶ PolicyKeeper ─▶ tenants ─▶ storage ─▶ options ─▶ users (last: connections act on the change of the roster)
 */
import type { AclRegistry } from '../acl/registry.ts';
import type { Clock } from '../base/clock.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Backend } from '../command/ports/backend.ts';
import type { CommandTable } from '../command/table.ts';
import type { Log } from '../observe/log.ts';
import type { PolicyDiff } from '../policy/diff.ts';
import { describeProblem, type Policy, type PolicyProblem } from '../policy/policy.ts';
import type { PolicyKeeper } from '../policy/reload.ts';
import type { TenantRegistry } from '../tenancy/tenant.ts';
import type { Config } from './config/config.ts';
import type { Settings } from './config/settings.ts';
import { settingsOf } from './plan.ts';
import { rosterOf } from './users.ts';

export interface GovernanceParts {
  readonly keeper: PolicyKeeper;
  readonly table: CommandTable;
  readonly tenants: TenantRegistry;
  readonly acl: AclRegistry;
  readonly backend: Backend;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly trustLoopback: boolean;
  /** What the command line has said: the files do not change it. */
  readonly said: Partial<Settings>;
  /** Whoever reads the policy itself is to read it again. */
  readonly changed: () => void;
}

export class Governance {
  private readonly parts: GovernanceParts;

  constructor(parts: GovernanceParts) {
    this.parts = parts;
  }

  get policy(): Policy {
    return this.parts.keeper.current;
  }

  /** The policy of the start. */
  begin(): Result<void> {
    this.note(this.policy);
    return this.adopt(this.policy, undefined);
  }

  /** Reads the files again; a fault is one line. */
  reload(cause: string): Result<void> {
    const { keeper, log } = this.parts;
    const before = keeper.current;
    const reloaded = keeper.reload();
    switch (reloaded.kind) {
      case 'unchanged':
        log.write('info', 'policy.unchanged', 'the policy is the one in force', { cause });
        return success(undefined);
      case 'refused': {
        const problems = describeProblems(reloaded.problems);
        log.write('error', 'policy.refused', 'the policy in force stays', { cause, problems });
        return failure(problems);
      }
      case 'swapped': {
        this.note(reloaded.policy);
        const adopted = this.adopt(reloaded.policy, reloaded.diff);
        if (adopted.ok) {
          log.write('info', 'policy.reloaded', 'a new policy is in force', fieldsOf(reloaded.diff, cause));
        } else {
          keeper.restore(before);
          log.write('error', 'policy.refused', 'the policy in force stays', { cause, problems: adopted.fault });
        }
        return adopted;
      }
    }
  }

  /** All of it or, with a fault, nothing: what may fail comes first. */
  private adopt(policy: Policy, diff: PolicyDiff | undefined): Result<void> {
    const { table, tenants, acl, backend, config, clock, log, trustLoopback, said, changed } = this.parts;
    const roster = rosterOf(policy, table, acl.roster, trustLoopback);
    if (!roster.ok) return roster;
    const applied = tenants.apply(policy.tenants, clock.monotonicMs());
    if (!applied.ok) return applied;
    for (const tenant of [...applied.value.added, ...applied.value.updated]) {
      const { name, number, isSystem, budget } = tenant;
      const { memoryBytes: limitBytes, policy: eviction, largestValueBytes: valueBytesMax } = budget;
      if (!isSystem) backend.configureRealm(number, { name, limitBytes, policy: eviction, valueBytesMax });
    }
    log.setLevel(policy.gateway.logLevel);
    // What CONFIG SET said stays as long as the files say nothing new about limits.
    if (diff !== undefined && diff.settings.length > 0) {
      config.replace({ ...settingsOf(policy.gateway, trustLoopback), ...said });
    }
    // Sessions are looked at twice: by the new terms with the users of before, and then with the new ones. In this order, as
    // no new user may be judged by old terms. The first look ends nobody whom the second would leave: what it asks of a user
    // (name, tenant, passwords) was so already, and what the terms say of that name holds for the second look too.
    changed();
    acl.swap(roster.value);
    return success(undefined);
  }

  private note(policy: Policy): void {
    for (const note of policy.notes) this.parts.log.write('warn', 'policy.note', describeProblem(note));
  }
}

/** The first problem with its place, and how many more there are. */
export function describeProblems(problems: readonly PolicyProblem[]): string {
  const [first, ...others] = problems;
  if (first === undefined) return 'the policy cannot be read';
  return describeProblem(first) + (others.length === 0 ? '' : ` (and ${others.length} more, see check)`);
}

function fieldsOf(diff: PolicyDiff, cause: string): Record<string, string | number> {
  const { users, tenants } = diff;
  const fields: Record<string, string | number> = {
    cause,
    usersAdded: users.added.length,
    usersRemoved: users.removed.length,
    usersChanged: users.changed.length,
    tenantsAdded: tenants.added.length,
    tenantsRemoved: tenants.removed.length,
    tenantsChanged: tenants.changed.length,
  };
  if (diff.settings.length > 0) fields['settings'] = diff.settings.join(' ');
  if (diff.restart.length > 0) fields['needsRestart'] = diff.restart.join(' ');
  return fields;
}

/** What the POLICY commands ask of the process: the policy in force as it is, users by command included. */
import type { AclRegistry } from '../acl/registry.ts';
import type { PolicyPort } from '../command/ports/policy.ts';
import type { Core } from '../gateway/core.ts';
import { describePolicy, descriptionJson } from '../policy/description.ts';
import type { Policy } from '../policy/policy.ts';

export function policyPort(current: () => Policy, acl: AclRegistry, core: Core): PolicyPort {
  const { dryRuns } = core;
  return {
    show() {
      const open = new Map<string, number>();
      for (const { session } of core.clients.all()) {
        if (session.user !== undefined) open.set(session.userName, (open.get(session.userName) ?? 0) + 1);
      }
      return descriptionJson(describePolicy(current(), acl.roster, (name) => open.get(name) ?? 0));
    },
    dryRuns: () => dryRuns.list(),
    unlistedDryRuns: () => dryRuns.unlisted,
    resetDryRuns: () => dryRuns.reset(),
  };
}

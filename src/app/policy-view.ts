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
      const open = new Map<string, string[]>();
      for (const { session, addressText } of core.clients.all()) {
        if (session.user === undefined) continue;
        const known = open.get(session.userName);
        if (known === undefined) open.set(session.userName, [addressText]);
        else known.push(addressText);
      }
      return descriptionJson(describePolicy(current(), acl.roster, (name) => open.get(name) ?? []));
    },
    dryRuns: () => dryRuns.list(),
    unlistedDryRuns: () => dryRuns.unlisted,
    resetDryRuns: () => dryRuns.reset(),
  };
}

/**
 * The policy in force and how it is replaced: build, validate, swap, retire. A policy that is not right never replaces one
 * that is.
 */
import type { Result } from '../base/result.ts';
import { diffPolicies, type PolicyDiff } from './diff.ts';
import type { Policy, PolicyProblem } from './policy.ts';

export type Reloaded =
  | { readonly kind: 'unchanged' }
  /** The old policy goes on. */
  | { readonly kind: 'refused'; readonly problems: readonly PolicyProblem[] }
  | { readonly kind: 'swapped'; readonly policy: Policy; readonly diff: PolicyDiff };

export class PolicyKeeper {
  private policy: Policy;
  private readonly load: () => Result<Policy, readonly PolicyProblem[]>;

  constructor(policy: Policy, load: () => Result<Policy, readonly PolicyProblem[]>) {
    this.policy = policy;
    this.load = load;
  }

  get current(): Policy {
    return this.policy;
  }

  /** Reads the files again. `retire` the old rights after the swap: by then `current` is the new policy. */
  reload(): Reloaded {
    const loaded = this.load();
    if (!loaded.ok) return { kind: 'refused', problems: loaded.fault };
    if (loaded.value.contentHash === this.policy.contentHash) return { kind: 'unchanged' };
    const diff = diffPolicies(this.policy, loaded.value);
    this.policy = loaded.value;
    return { kind: 'swapped', policy: loaded.value, diff };
  }

  /** The new policy could not be brought to everybody: this one, which it replaced, goes on. */
  restore(policy: Policy): void {
    this.policy = policy;
  }
}

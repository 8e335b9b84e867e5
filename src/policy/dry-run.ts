/**
 * Rules on trial, `dry_run_acl`: said after the rules in force, as by ACL SETUSER, and only reported on. Those of the tenant
 * come first and are for all of its users.
 */
import { bytesOf } from '../base/bytes.ts';
import type { AclFault } from './load.ts';

/** Who may log in is not on trial: a login has no verdict beside the one in force. */
const ABOUT_LOGIN = /^(?:on|off|nopass|resetpass|[<>#!].*)$/is;

export interface TrialText {
  readonly words: readonly string[];
  /** Where it stands in the file. */
  readonly path: readonly (string | number)[];
}

export interface TrialRead {
  readonly rules: readonly Uint8Array[];
  readonly fault: { readonly path: TrialText['path']; readonly index: number; readonly message: string } | undefined;
}

/** @param inForce the rules of the user, right by themselves */
export function readTrial(
  inForce: readonly Uint8Array[],
  texts: readonly TrialText[],
  aclFault: (rules: readonly Uint8Array[]) => AclFault | undefined,
): TrialRead {
  const rules: Uint8Array[] = [];
  for (const { words, path } of texts) {
    const index = words.findIndex((word) => ABOUT_LOGIN.test(word));
    if (index >= 0) {
      const message = 'rules on trial are about commands, keys and channels, not about how to log in';
      return { rules: [], fault: { path, index, message } };
    }
    const before = inForce.length + rules.length;
    for (const word of words) rules.push(bytesOf(word));
    const fault = aclFault([...inForce, ...rules]);
    if (fault === undefined) continue;
    return { rules: [], fault: { path, index: Math.max(0, fault.index - before), message: fault.message } };
  }
  return { rules, fault: undefined };
}

/** A fault of disk, file or peer as a value. Refusals to clients have their own type; bugs are thrown by `assert`. */
export type Result<Value, Fault = string> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: Fault };

export function success<Value>(value: Value): { ok: true; value: Value } {
  return { ok: true, value };
}

export function failure<Fault>(fault: Fault): { ok: false; fault: Fault } {
  return { ok: false, fault };
}

/** A broken invariant: a bug of ours, caught only at the connection or the shard boundary. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${what}`);
}

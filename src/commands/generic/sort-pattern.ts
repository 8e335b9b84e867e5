/** What a pattern of SORT leads to from an element: `weight_*`, or a field of a hash, `user:*->age`. */
import { copyOf, copyRange } from '../../base/bytes.ts';
import type { ShardCall } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';
import { ElementView } from '../../engine/listpack-element.ts';
import { Hash } from '../../engine/types/hash.ts';

const STAR = 0x2a;
const ARROW = [0x2d, 0x3e] as const;

const hash = new Hash();

export class KeyPattern {
  /** What was found last, until the database changes. */
  readonly found: ElementView;
  /** Undefined without a star, and then it leads nowhere. */
  private readonly prefix: Uint8Array | undefined;
  private readonly suffix: Uint8Array;
  private readonly field: Uint8Array;
  /** Prefix, element and suffix. */
  private key: Uint8Array;

  constructor(pattern: Uint8Array) {
    this.found = new ElementView();
    // Redis looks for the star and the arrow as in a C string.
    const nul = pattern.indexOf(0);
    const end = nul < 0 ? pattern.length : nul;
    const star = pattern.indexOf(STAR);
    const isThere = star >= 0 && star < end;
    const arrow = isThere ? arrowIn(pattern, star + 1, end) : pattern.length;
    this.prefix = isThere ? copyOf(pattern, 0, star) : undefined;
    this.suffix = copyOf(pattern, isThere ? star + 1 : pattern.length, arrow);
    this.field = copyOf(pattern, Math.min(pattern.length, arrow + ARROW.length));
    this.key = copyOf(this.prefix ?? this.suffix);
  }

  /** Looks up what the pattern leads to from an element; false when there is nothing of the kind. */
  follow(call: ShardCall, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.prefix === undefined) return false;
    const { database, now_ms } = call;
    const length = this.fillKey(this.prefix, bytes, start, end);
    const ref = database.find(this.key, 0, length);
    if (ref === MISSING) return false;
    const type = database.valueType(ref);
    const { field, found } = this;
    if (field.length === 0) {
      if (type !== ValueType.string) return false;
      const at = database.valueStart(ref);
      found.setText(database.valueBytes(ref), at, at + database.valueLength(ref));
      return true;
    }
    if (type !== ValueType.hash) return false;
    const place = hash.open(database, ref, now_ms).find(field, 0, field.length);
    if (place === MISSING) return false;
    hash.readValue(place, found);
    return true;
  }

  private fillKey(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
    const { suffix } = this;
    const length = prefix.length + end - start + suffix.length;
    if (length > this.key.length) {
      this.key = new Uint8Array(2 * length);
      copyRange(prefix, 0, prefix.length, this.key, 0);
    }
    copyRange(bytes, start, end, this.key, prefix.length);
    copyRange(suffix, 0, suffix.length, this.key, length - suffix.length);
    return length;
  }
}

/** Where `->` stands with a field behind it; the end of the pattern when it does not. */
function arrowIn(pattern: Uint8Array, from: number, end: number): number {
  for (let at = from; at + ARROW.length < end; at++) {
    if (pattern[at] === ARROW[0] && pattern[at + 1] === ARROW[1]) return at;
  }
  return pattern.length;
}

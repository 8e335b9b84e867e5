/**
 * Addresses and allowlists of CIDR rules. An address is normalised once, when its connection opens or its rule is read,
 * into four 32-bit words; text is never compared. `::ffff:a.b.c.d` is the IPv4 address a.b.c.d, everywhere.
 *
 * Invariant: an allowlist holds sorted ranges that neither overlap nor touch, so that one binary search decides.
 *
 * ```
 *   10.0.0.0/8 10.1.0.0/16 11.0.0.0/8   →   starts [10.0.0.0]   ends [11.255.255.255]
 * ```
 *
 * Hot path: up to three look-ups per command, cached per connection by the gateway. Budget 1 us at 10,000 rules; guarded
 * by `bench/cidr.ts`.
 */
import ipaddr from 'ipaddr.js';
import { ALLOWLIST_RULE_LENGTH_MAX, ALLOWLIST_RULES_MAX } from './limits.ts';
import { failure, type Result, success } from './result.ts';

/** An address as four words, most significant first. IPv4 uses the last one alone. */
export class ParsedAddress {
  readonly isV4: boolean;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;

  constructor(isV4: boolean, word0: number, word1: number, word2: number, word3: number) {
    this.isV4 = isV4;
    this.word0 = word0;
    this.word1 = word1;
    this.word2 = word2;
    this.word3 = word3;
  }

  /** 127.0.0.0/8 and ::1. */
  get isLoopback(): boolean {
    if (this.isV4) return this.word3 >>> 24 === 127;
    return this.word0 === 0 && this.word1 === 0 && this.word2 === 0 && this.word3 === 1;
  }

  /** Canonical text: IPv4 dotted, IPv6 compressed. The same for every spelling of one address, so fit as a Map key. */
  toString(): string {
    const bytes = bytesOfAddress(this);
    return ipaddr.fromByteArray(bytes).toString();
  }
}

/** Whom an address belongs to, for counting: of IPv6 its /64, as whoever has one address of it has them all. */
export function ownerOf({ isV4, word0, word1, word2, word3 }: ParsedAddress): string {
  return new ParsedAddress(isV4, word0, word1, isV4 ? word2 : 0, isV4 ? word3 : 0).toString();
}

function bytesOfAddress(address: ParsedAddress): number[] {
  const words = address.isV4 ? [address.word3] : [address.word0, address.word1, address.word2, address.word3];
  return words.flatMap((word) => [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]);
}

/** Four decimal numbers from 0 to 255 without leading zeros: `010.0.0.1`, `10.1` and `0x0a000001` are no addresses here. */
// cold: parsing, once per connection or rule
const V4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
// cold: parsing, once per connection or rule
const V6_GROUP = /^[0-9a-fA-F]{1,4}$/;

function isStrictV6(text: string): boolean {
  const groups = text.split(':');
  if (groups.length < 3) return false;
  const last = groups.length - 1;
  return groups.every((group, index) => {
    if (group === '' || V6_GROUP.test(group)) return true;
    return index === last && V4.test(group);
  });
}

function wordAt(bytes: readonly number[], at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(at, at + 4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** `::1.2.3.4` as `::102:304`: ipaddr.js takes the former for `::ffff:1.2.3.4`, which is another address. */
function withoutDots(text: string): string {
  const tail = text.lastIndexOf(':') + 1;
  const dotted = text.slice(tail);
  if (!V4.test(dotted)) return text;
  const word = wordAt(ipaddr.IPv4.parse(dotted).toByteArray(), 0);
  return `${text.slice(0, tail)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
}

/** The address without unmapping; undefined for anything but one strict spelling. */
function readAddress(text: string): ParsedAddress | undefined {
  // `$` would let a newline at the end pass with the m flag only, but a reader should not have to know.
  if (text.length > ALLOWLIST_RULE_LENGTH_MAX || text.includes('\n')) return undefined;
  if (V4.test(text)) return new ParsedAddress(true, 0, 0, 0, wordAt(ipaddr.IPv4.parse(text).toByteArray(), 0));
  if (!isStrictV6(text)) return undefined;
  const plain = withoutDots(text);
  if (!ipaddr.IPv6.isValid(plain)) return undefined;
  const bytes = ipaddr.IPv6.parse(plain).toByteArray();
  return new ParsedAddress(false, wordAt(bytes, 0), wordAt(bytes, 4), wordAt(bytes, 8), wordAt(bytes, 12));
}

function isMapped(address: ParsedAddress): boolean {
  return !address.isV4 && address.word0 === 0 && address.word1 === 0 && address.word2 === 0xffff;
}

function unmapped(address: ParsedAddress): ParsedAddress {
  return isMapped(address) ? new ParsedAddress(true, 0, 0, 0, address.word3) : address;
}

/** An address as a socket tells it (`remoteAddress`), a zone such as `%eth0` left out; undefined when it is none. */
export function parseAddress(text: string): ParsedAddress | undefined {
  const zone = text.indexOf('%');
  const address = readAddress(zone > 0 && text.includes(':') ? text.slice(0, zone) : text);
  return address === undefined ? undefined : unmapped(address);
}

/** An address of 4 or of 16 bytes, most significant first. */
export function addressOfBytes(bytes: Uint8Array): ParsedAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 4) return new ParsedAddress(true, 0, 0, 0, view.getUint32(0));
  return unmapped(
    new ParsedAddress(false, view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)),
  );
}

/** First and last address of a rule. */
interface Range {
  readonly isV4: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

interface Rule {
  readonly range: Range;
  /** The rule as it is understood: network address, always with a prefix length. */
  readonly normalised: string;
}

// cold: parsing, once per rule
const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/;

function parseRule(text: string): Result<Rule> {
  const slash = text.indexOf('/');
  const addressText = slash < 0 ? text : text.slice(0, slash);
  if (addressText.includes('%'))
    return failure('a rule has no zone: an interface name means nothing to another machine');
  const written = readAddress(addressText);
  if (written === undefined) return failure('neither an IPv4 nor an IPv6 address in plain decimal or hexadecimal form');
  const bits = written.isV4 ? 32 : 128;
  const prefixText = slash < 0 ? String(bits) : text.slice(slash + 1);
  const prefix = PREFIX.test(prefixText) ? Number(prefixText) : -1;
  if (prefix < 0 || prefix > bits) return failure(`the prefix length must be a number from 0 to ${bits}`);
  if (!isMapped(written)) return success(ruleOf(written, prefix));
  if (prefix < 96) return failure('this reaches past ::ffff:0:0/96; IPv4 addresses are written as IPv4');
  return success(ruleOf(unmapped(written), prefix - 96));
}

/** The word with its first `prefix` bits kept and the others cleared, or set. */
function masked(word: number, prefix: number, fill: boolean): number {
  if (prefix >= 32) return word;
  const mask = prefix <= 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
  return fill ? (word | ~mask) >>> 0 : (word & mask) >>> 0;
}

function ruleOf(address: ParsedAddress, prefix: number): Rule {
  const words = address.isV4 ? [address.word3] : [address.word0, address.word1, address.word2, address.word3];
  const first = words.map((word, index) => masked(word, prefix - 32 * index, false));
  const last = words.map((word, index) => masked(word, prefix - 32 * index, true));
  const [a = 0, b = 0, c = 0, d = 0] = address.isV4 ? [0, 0, 0, first[0] ?? 0] : first;
  const network = new ParsedAddress(address.isV4, a, b, c, d);
  return { range: { isV4: address.isV4, first, last }, normalised: `${network}/${prefix}` };
}

function compareWords(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The address after this one; undefined after the last. */
function successor(words: readonly number[]): readonly number[] | undefined {
  const next = Array.from(words);
  for (let i = next.length - 1; i >= 0; i--) {
    if (next[i] !== 0xffffffff) {
      next[i] = (next[i] as number) + 1;
      return next;
    }
    next[i] = 0;
  }
  return undefined;
}

/** Sorted, with everything merged that overlaps or touches. */
function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => compareWords(a.first, b.first))) {
    const previous = merged.at(-1);
    const after = previous === undefined ? undefined : successor(previous.last);
    const joins = previous !== undefined && (after === undefined || compareWords(range.first, after) <= 0);
    if (!joins) merged.push(range);
    else if (compareWords(range.last, previous.last) > 0)
      merged[merged.length - 1] = { isV4: range.isV4, first: previous.first, last: range.last };
  }
  return merged;
}

/** `words` words per bound, one bound after the other. */
function packed(bounds: readonly (readonly number[])[], words: number): Uint32Array {
  const table = new Uint32Array(bounds.length * words);
  for (const [index, bound] of bounds.entries()) table.set(bound, index * words);
  return table;
}

/** The rule at `index` of the list, from 0, and what is wrong with it. */
export interface RuleFault {
  readonly index: number;
  readonly message: string;
}

/** A rule that means something other than it seems to say: `10.1.2.3/8` is 10.0.0.0/8. */
export interface RuleNote {
  readonly index: number;
  readonly written: string;
  readonly normalised: string;
}

export class Allowlist {
  /** Rules as understood, in the order given. */
  readonly rules: readonly string[];
  /** Rules whose host bits were cleared. */
  readonly notes: readonly RuleNote[];
  private readonly starts4: Uint32Array;
  private readonly ends4: Uint32Array;
  private readonly starts6: Uint32Array;
  private readonly ends6: Uint32Array;

  private constructor(rules: readonly Rule[], notes: readonly RuleNote[]) {
    this.rules = rules.map((rule) => rule.normalised);
    this.notes = notes;
    const v4 = merge(rules.map((rule) => rule.range).filter((range) => range.isV4));
    const v6 = merge(rules.map((rule) => rule.range).filter((range) => !range.isV4));
    this.starts4 = packed(
      v4.map((range) => range.first),
      1,
    );
    this.ends4 = packed(
      v4.map((range) => range.last),
      1,
    );
    this.starts6 = packed(
      v6.map((range) => range.first),
      4,
    );
    this.ends6 = packed(
      v6.map((range) => range.last),
      4,
    );
  }

  /** Reads `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`. The first rule that is wrong refuses the list. */
  static parse(texts: readonly string[]): Result<Allowlist, RuleFault> {
    if (texts.length > ALLOWLIST_RULES_MAX) {
      return failure({ index: ALLOWLIST_RULES_MAX, message: `more than ${ALLOWLIST_RULES_MAX} rules` });
    }
    const rules: Rule[] = [];
    const notes: RuleNote[] = [];
    for (const [index, text] of texts.entries()) {
      const rule = parseRule(text);
      if (!rule.ok) return failure({ index, message: rule.fault });
      rules.push(rule.value);
      const { normalised } = rule.value;
      if (hostBitsOf(text, normalised)) notes.push({ index, written: text, normalised });
    }
    return success(new Allowlist(rules, notes));
  }

  /** Whether a rule holds the address. A list without rules holds none; that an empty list means everybody is for policy. */
  allows(address: ParsedAddress): boolean {
    return address.isV4 ? this.allowsV4(address.word3) : this.allowsV6(address);
  }

  private allowsV4(word: number): boolean {
    const starts = this.starts4;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] as number) <= word) low = middle + 1;
      else high = middle;
    }
    return low > 0 && word <= (this.ends4[low - 1] as number);
  }

  private allowsV6(address: ParsedAddress): boolean {
    const starts = this.starts6;
    let low = 0;
    let high = starts.length >>> 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareAt(starts, middle, address) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compareAt(this.ends6, low - 1, address) >= 0;
  }
}

function compareAt(bounds: Uint32Array, index: number, address: ParsedAddress): number {
  const at = index << 2;
  let difference = (bounds[at] as number) - address.word0;
  if (difference !== 0) return difference;
  difference = (bounds[at + 1] as number) - address.word1;
  if (difference !== 0) return difference;
  difference = (bounds[at + 2] as number) - address.word2;
  return difference !== 0 ? difference : (bounds[at + 3] as number) - address.word3;
}

/** Whether a rule was written with bits past its prefix. Spelling alone (`::0/128`, mapped forms) is not worth a note. */
function hostBitsOf(text: string, normalised: string): boolean {
  const written = parseAddress(text.split('/')[0] ?? '');
  return written !== undefined && normalised.split('/')[0] !== written.toString();
}

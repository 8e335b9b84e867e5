/**
 * What one selector of a user allows: commands as bits by command id, key and channel patterns. Immutable once built.
 *
 * Hot path: `allowsCommand` and `allowsKey` run once per command. Budget 40 ns for one prefix pattern and one key; guarded
 * by `bench/acl.ts`.
 */
import { equalRanges, latin1 } from '../base/bytes.ts';
import { Glob } from '../base/glob.ts';
import { EVERY_KEY, READS, WRITES } from '../command/args.ts';

const STAR = 0x2a;

function isSpecial(byte: number): boolean {
  return byte === STAR || byte === 0x3f || byte === 0x5b || byte === 0x5c;
}

/** A pattern prepared for matching: `prefix*` and plain names need no glob. */
export class Pattern {
  readonly bytes: Uint8Array;
  /** READS and WRITES bits; both for channels. */
  readonly access: number;
  readonly shape: 'all' | 'literal' | 'prefix' | 'glob';
  private readonly glob: Glob;

  constructor(bytes: Uint8Array, access: number) {
    this.bytes = bytes;
    this.access = access;
    this.glob = new Glob(bytes);
    let special = 0;
    while (special < bytes.length && !isSpecial(bytes[special] as number)) special++;
    if (special === bytes.length) this.shape = 'literal';
    else if (special !== bytes.length - 1 || bytes[special] !== STAR) this.shape = 'glob';
    else this.shape = bytes.length === 1 ? 'all' : 'prefix';
  }

  matches(text: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this;
    switch (this.shape) {
      case 'all':
        // As a glob would: not the empty text, for which Redis wants `allkeys`.
        return end > start;
      case 'literal':
        return end - start === bytes.length && equalRanges(bytes, 0, text, start, bytes.length);
      case 'prefix':
        return end - start >= bytes.length - 1 && equalRanges(bytes, 0, text, start, bytes.length - 1);
      case 'glob':
        return this.glob.matches(text, start, end);
    }
  }

  /** As ACL LIST writes it. */
  describe(): string {
    const text = latin1(this.bytes);
    // `~*` would be read back as allkeys, after which no other pattern may come.
    if (this.access === (READS | WRITES)) return text === '*' ? '%RW~*' : `~${text}`;
    return this.access === READS ? `%R~${text}` : `%W~${text}`;
  }
}

/** One selector, or the root permissions of a user. */
export class Permissions {
  /** A bit per command id. */
  readonly commands: Uint32Array;
  /** Commands that come later would be allowed too: `+@all` without anything taken away since. */
  readonly allCommands: boolean;
  /** The command rules in order, as ACL LIST prints them. */
  readonly rules: readonly string[];
  readonly allKeys: boolean;
  readonly keys: readonly Pattern[];
  readonly allChannels: boolean;
  readonly channels: readonly Pattern[];
  /** First arguments that are allowed of a command not allowed as a whole: `+select|0`. By command id, in lower case. */
  readonly firstArguments: ReadonlyMap<number, ReadonlySet<string>>;

  constructor(draft: PermissionsDraft) {
    this.commands = draft.commands.slice();
    this.allCommands = draft.allCommands;
    this.rules = draft.rules.slice();
    this.allKeys = draft.allKeys;
    this.keys = draft.keys.slice();
    this.allChannels = draft.allChannels;
    this.channels = draft.channels.slice();
    this.firstArguments = new Map(Array.from(draft.firstArguments, ([id, words]) => [id, new Set(words)]));
  }

  allowsCommand(id: number): boolean {
    return ((this.commands[id >>> 5] as number) & (1 << (id & 31))) !== 0;
  }

  /** One pattern must grant every bit of access: `%R~a* %W~*b` does not let `ab` be read and written at once. */
  allowsKey(bytes: Uint8Array, start: number, end: number, access: number): boolean {
    if (this.allKeys) return true;
    const { keys } = this;
    if ((access & EVERY_KEY) !== 0) return this.allowsEveryKey(access & ~EVERY_KEY);
    for (let i = 0; i < keys.length; i++) {
      const pattern = keys[i] as Pattern;
      if ((pattern.access & access) === access && pattern.matches(bytes, start, end)) return true;
    }
    return false;
  }

  private allowsEveryKey(access: number): boolean {
    return this.keys.some((pattern) => pattern.shape === 'all' && (pattern.access & access) === access);
  }

  /** @param literal the name is itself a pattern (PSUBSCRIBE): only the same pattern, or `*`, allows it */
  allowsChannel(bytes: Uint8Array, start: number, end: number, literal: boolean): boolean {
    if (this.allChannels) return true;
    for (const pattern of this.channels) {
      if (!literal) {
        if (pattern.matches(bytes, start, end)) return true;
      } else if (pattern.bytes.length === end - start && equalRanges(pattern.bytes, 0, bytes, start, end - start)) {
        return true;
      }
    }
    return false;
  }

  describeCommands(): string {
    return this.rules.join(' ');
  }

  describeKeys(): string {
    return this.allKeys ? '~*' : this.keys.map((pattern) => pattern.describe()).join(' ');
  }

  describeChannels(): string {
    return this.allChannels ? '&*' : this.channels.map((pattern) => `&${latin1(pattern.bytes)}`).join(' ');
  }

  /** As it stands in ACL LIST. */
  describe(): string {
    const channels = this.allChannels ? '&*' : ['resetchannels', this.describeChannels()].filter(Boolean).join(' ');
    return [this.describeKeys(), channels, this.describeCommands()].filter(Boolean).join(' ');
  }
}

/** What rules are applied to, one after the other; `new Permissions(draft)` freezes the result. */
export interface PermissionsDraft {
  commands: Uint32Array;
  allCommands: boolean;
  rules: string[];
  allKeys: boolean;
  keys: Pattern[];
  allChannels: boolean;
  channels: Pattern[];
  firstArguments: Map<number, Set<string>>;
}

export function emptyDraft(commandCount: number): PermissionsDraft {
  return {
    commands: new Uint32Array((commandCount + 31) >>> 5),
    allCommands: false,
    rules: ['-@all'],
    allKeys: false,
    keys: [],
    allChannels: false,
    channels: [],
    firstArguments: new Map(),
  };
}

export function draftOf(permissions: Permissions): PermissionsDraft {
  return {
    commands: permissions.commands.slice(),
    allCommands: permissions.allCommands,
    rules: permissions.rules.slice(),
    allKeys: permissions.allKeys,
    keys: permissions.keys.slice(),
    allChannels: permissions.allChannels,
    channels: permissions.channels.slice(),
    firstArguments: new Map(Array.from(permissions.firstArguments, ([id, words]) => [id, new Set(words)])),
  };
}

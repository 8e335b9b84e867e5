/**
 * The rule language of ACL SETUSER, as redis-server 7.0 has it: pure, all or nothing. Texts are one character per byte.
 */
import { asciiLower } from '../base/ascii.ts';
import { bytesOfLatin1, equalBytes } from '../base/bytes.ts';
import { ACL_PATTERNS_MAX, ACL_RULE_BYTES_MAX, ACL_SELECTORS_MAX, ECHOED_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { READS, WRITES } from '../command/args.ts';
import type { Command } from '../command/command.ts';
import { CATEGORIES } from '../command/spec.ts';
import type { CommandTable } from '../command/table.ts';
import { draftOf, emptyDraft, Pattern, Permissions, type PermissionsDraft } from './permissions.ts';
import { hashOfPassword, type User } from './user.ts';

const UNKNOWN_COMMAND = 'Unknown command or category name in ACL';
const SYNTAX = 'Syntax error';
const AFTER_ALL_KEYS =
  "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns";
const AFTER_ALL_CHANNELS =
  "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels";
const NO_SUCH_PASSWORD = 'The password you are trying to remove from the user does not exist';
const BAD_HASH = 'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters';
const FIRST_ARGUMENT_OF_SUBCOMMAND = 'Allowing first-arg of a subcommand is not supported';
const TOO_MANY = 'Too many patterns, selectors or bytes in one user';

/** C's isspace and NUL: patterns hold none, so that the line of ACL LIST can be read back word by word. */
const BLANKS = /[ \t\n\v\f\r\0]+/;
const QUOTE = /["']/;
const PASSWORD_IN_SELECTOR = /((?:^\(|[ \t\n\v\f\r])[<>])[^ \t\n\v\f\r]*/g;
const ACCESS = /^%(r|w|rw|wr)~([\s\S]*)$/i;

/** Whether a name or pattern would break the words of ACL LIST apart. */
export function hasBlanks(text: string): boolean {
  return BLANKS.test(text);
}

type Fault = string | undefined;

/** A user without any permission, as ACL SETUSER makes it. */
export function newUser(name: string, tenant: string, table: CommandTable, origin: User['origin']): User {
  return {
    name,
    tenant,
    enabled: false,
    nopass: false,
    skipsSanitizing: false,
    passwordHashes: [],
    root: new Permissions(emptyDraft(table.all.length)),
    selectors: [],
    dryRun: undefined,
    origin,
  };
}

interface UserDraft {
  enabled: boolean;
  nopass: boolean;
  skipsSanitizing: boolean;
  passwordHashes: string[];
  root: PermissionsDraft;
  selectors: Permissions[];
}

/** Applies rules in order. The fault is the whole text behind `ERR `, and then nothing has changed. */
export function applyRules(user: User, rules: readonly string[], table: CommandTable): Result<User> {
  const merged = mergeSelectors(rules);
  if (!merged.ok) return merged;
  const draft: UserDraft = {
    enabled: user.enabled,
    nopass: user.nopass,
    skipsSanitizing: user.skipsSanitizing,
    passwordHashes: user.passwordHashes.slice(),
    root: draftOf(user.root),
    selectors: user.selectors.slice(),
  };
  for (const rule of merged.value) {
    const fault = applyUserRule(draft, rule, table);
    if (fault !== undefined) return failure(`Error in ACL SETUSER modifier '${shown(rule)}': ${fault}`);
  }
  const { root, ...rest } = draft;
  // What was on trial stood on the rules before.
  return success({ ...user, ...rest, root: new Permissions(root), dryRun: undefined });
}

/** What may be a password is not repeated, not even where none can be; of other rules what C takes for the text. */
function shown(rule: string): string {
  if (rule.startsWith('>') || rule.startsWith('<')) return rule.charAt(0);
  const [text = ''] = rule.replace(PASSWORD_IN_SELECTOR, '$1').split('\0', 1);
  return text.slice(0, ECHOED_BYTES_MAX);
}

/** `(+get`, `~a)` are one rule: words from an opening to a closing parenthesis belong together. */
function mergeSelectors(rules: readonly string[]): Result<readonly string[]> {
  const merged: string[] = [];
  let open: string | undefined;
  let opened = '';
  for (const rule of rules) {
    if (rule.length > ACL_RULE_BYTES_MAX) return failure(TOO_MANY);
    if (open === undefined && rule.startsWith('(') && !rule.endsWith(')')) {
      open = rule;
      opened = rule;
    } else if (open !== undefined) {
      open += ` ${rule}`;
      if (open.length > ACL_RULE_BYTES_MAX) return failure(TOO_MANY);
      if (!rule.endsWith(')')) continue;
      merged.push(open);
      open = undefined;
    } else {
      merged.push(rule);
    }
  }
  if (open !== undefined) return failure(`Unmatched parenthesis in acl selector starting at '${shown(opened)}'.`);
  return success(merged);
}

function applyUserRule(draft: UserDraft, rule: string, table: CommandTable): Fault {
  if (rule === '') return undefined;
  switch (asciiLower(rule)) {
    case 'on':
      draft.enabled = true;
      return undefined;
    case 'off':
      draft.enabled = false;
      return undefined;
    case 'nopass':
      draft.nopass = true;
      draft.passwordHashes = [];
      return undefined;
    case 'resetpass':
      draft.nopass = false;
      draft.passwordHashes = [];
      return undefined;
    case 'sanitize-payload':
      draft.skipsSanitizing = false;
      return undefined;
    case 'skip-sanitize-payload':
      draft.skipsSanitizing = true;
      return undefined;
    case 'clearselectors':
      draft.selectors = [];
      return undefined;
    case 'reset':
      draft.enabled = false;
      draft.nopass = false;
      draft.skipsSanitizing = false;
      draft.passwordHashes = [];
      draft.selectors = [];
      draft.root = emptyDraft(table.all.length);
      return undefined;
  }
  const first = rule.charAt(0);
  if (first === '>' || first === '<' || first === '#' || first === '!') return applyPassword(draft, rule);
  if (first === '(') return applySelector(draft, rule, table);
  return applyPermission(draft.root, rule, table);
}

function applyPassword(draft: UserDraft, rule: string): Fault {
  const text = rule.slice(1);
  const isHash = rule.startsWith('#') || rule.startsWith('!');
  if (isHash && !/^[0-9a-f]{64}$/.test(text)) return BAD_HASH;
  const hash = isHash ? text : hashOfPassword(bytesOfLatin1(text));
  const at = draft.passwordHashes.indexOf(hash);
  if (rule.startsWith('>') || rule.startsWith('#')) {
    if (at < 0) draft.passwordHashes.push(hash);
    draft.nopass = false;
    return draft.passwordHashes.length > ACL_PATTERNS_MAX ? TOO_MANY : undefined;
  }
  if (at < 0) return NO_SUCH_PASSWORD;
  draft.passwordHashes.splice(at, 1);
  return undefined;
}

function applySelector(draft: UserDraft, rule: string, table: CommandTable): Fault {
  if (!rule.endsWith(')')) return SYNTAX;
  if (draft.selectors.length >= ACL_SELECTORS_MAX) return TOO_MANY;
  const selector = emptyDraft(table.all.length);
  for (const word of rule.slice(1, -1).split(BLANKS)) {
    if (word === '') continue;
    if (isAmbiguous(word)) return SYNTAX;
    const fault = applyPermission(selector, word, table);
    if (fault !== undefined) return fault;
  }
  draft.selectors.push(new Permissions(selector));
  return undefined;
}

/**
 * Redis takes quotes in a selector for a shell's and prints the selector without them; a pattern's parenthesis at the end
 * of a word would close the selector when the line of ACL LIST is read back. Neither is worth a guess.
 */
function isAmbiguous(word: string): boolean {
  return QUOTE.test(word) || (word.endsWith(')') && /^[~%&]|\|/.test(word));
}

function applyPermission(draft: PermissionsDraft, rule: string, table: CommandTable): Fault {
  switch (asciiLower(rule)) {
    case 'allkeys':
    case '~*':
      draft.allKeys = true;
      draft.keys = [];
      return undefined;
    case 'resetkeys':
      draft.allKeys = false;
      draft.keys = [];
      return undefined;
    case 'allchannels':
    case '&*':
      draft.allChannels = true;
      draft.channels = [];
      return undefined;
    case 'resetchannels':
      draft.allChannels = false;
      draft.channels = [];
      return undefined;
    case 'allcommands':
    case '+@all':
      draft.commands.fill(0xffffffff);
      draft.allCommands = true;
      draft.rules = ['+@all'];
      draft.firstArguments.clear();
      return undefined;
    case 'nocommands':
    case '-@all':
      draft.commands.fill(0);
      draft.allCommands = false;
      draft.rules = ['-@all'];
      draft.firstArguments.clear();
      return undefined;
  }
  switch (rule.charAt(0)) {
    case '~':
      return addKeyPattern(draft, rule.slice(1), READS | WRITES);
    case '%':
      return addAccessPattern(draft, rule);
    case '&':
      return addChannelPattern(draft, rule.slice(1));
    case '+':
    case '-':
      return rule.charAt(1) === '@' ? applyCategory(draft, rule, table) : applyCommand(draft, rule, table);
    default:
      return SYNTAX;
  }
}

function addAccessPattern(draft: PermissionsDraft, rule: string): Fault {
  if (draft.allKeys) return AFTER_ALL_KEYS;
  const [, letters, text = ''] = ACCESS.exec(rule) ?? [];
  if (letters === undefined) return SYNTAX;
  const reads = /r/i.test(letters) ? READS : 0;
  const writes = /w/i.test(letters) ? WRITES : 0;
  return addKeyPattern(draft, text, reads | writes);
}

/** The same pattern once more adds to what the first one allows. */
function addKeyPattern(draft: PermissionsDraft, text: string, access: number): Fault {
  if (draft.allKeys) return AFTER_ALL_KEYS;
  if (hasBlanks(text)) return SYNTAX;
  const bytes = bytesOfLatin1(text);
  const at = draft.keys.findIndex((known) => equalBytes(known.bytes, bytes));
  const known = draft.keys[at];
  if (known !== undefined) draft.keys[at] = new Pattern(bytes, known.access | access);
  else if (draft.keys.length >= ACL_PATTERNS_MAX) return TOO_MANY;
  else draft.keys.push(new Pattern(bytes, access));
  return undefined;
}

function addChannelPattern(draft: PermissionsDraft, text: string): Fault {
  if (draft.allChannels) return AFTER_ALL_CHANNELS;
  if (hasBlanks(text)) return SYNTAX;
  const bytes = bytesOfLatin1(text);
  if (draft.channels.some((known) => equalBytes(known.bytes, bytes))) return undefined;
  if (draft.channels.length >= ACL_PATTERNS_MAX) return TOO_MANY;
  draft.channels.push(new Pattern(bytes, READS | WRITES));
  return undefined;
}

/** A later rule for the same word makes the earlier one void. */
function noteRule(draft: PermissionsDraft, rule: string): Fault {
  const word = rule.slice(1);
  draft.rules = draft.rules.filter(
    (known, i) => i === 0 || (known.slice(1) !== word && !isPartOf(known.slice(1), word)),
  );
  draft.rules.push(rule);
  return draft.rules.length > ACL_PATTERNS_MAX ? TOO_MANY : undefined;
}

/** `config|get` is void after a rule about `config`. */
function isPartOf(known: string, word: string): boolean {
  return known.startsWith(`${word}|`);
}

function setBit(draft: PermissionsDraft, command: Command, on: boolean): void {
  const word = command.id >>> 5;
  const bit = 1 << (command.id & 31);
  draft.commands[word] = on ? (draft.commands[word] as number) | bit : (draft.commands[word] as number) & ~bit;
  draft.firstArguments.delete(command.id);
}

/** A container stands for its subcommands too. */
function setBits(draft: PermissionsDraft, command: Command, on: boolean): void {
  setBit(draft, command, on);
  for (const subcommand of command.subcommands.values()) setBit(draft, subcommand, on);
  if (!on) draft.allCommands = false;
}

function applyCategory(draft: PermissionsDraft, rule: string, table: CommandTable): Fault {
  const name = asciiLower(rule.slice(2));
  const category = CATEGORIES.find((known) => known === name);
  if (category === undefined) return UNKNOWN_COMMAND;
  const on = rule.startsWith('+');
  for (const command of table.all) if (command.categories.includes(category)) setBits(draft, command, on);
  if (!on) draft.allCommands = false;
  return noteRule(draft, `${rule.charAt(0)}@${name}`);
}

function applyCommand(draft: PermissionsDraft, rule: string, table: CommandTable): Fault {
  const name = asciiLower(rule.slice(1));
  const command = table.named(name);
  if (command !== undefined) {
    setBits(draft, command, rule.startsWith('+'));
    return noteRule(draft, rule.charAt(0) + name);
  }
  const bar = name.lastIndexOf('|');
  if (rule.startsWith('-') || bar < 0) return UNKNOWN_COMMAND;
  return allowFirstArgument(draft, table.named(name.slice(0, bar)), name.slice(bar + 1));
}

/** `+select|0`, the way of old for commands without subcommands. It can only be allowed. */
function allowFirstArgument(draft: PermissionsDraft, command: Command | undefined, word: string): Fault {
  if (command === undefined) return UNKNOWN_COMMAND;
  if (command.parent !== undefined) return FIRST_ARGUMENT_OF_SUBCOMMAND;
  if (word === '' || hasBlanks(word)) return SYNTAX;
  if (command.kind === 'container') return UNKNOWN_COMMAND;
  const words = draft.firstArguments.get(command.id) ?? new Set<string>();
  words.add(word);
  draft.firstArguments.set(command.id, words);
  return noteRule(draft, `+${command.fullName}|${word}`);
}

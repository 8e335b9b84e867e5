/**
 * May this user run this request? Pure, and the only answer there is: requests, ACL DRYRUN and `explain` all ask here.
 * The root permissions or any one selector must allow all of it: the command, every key, every channel.
 *
 * Hot path. Budget 40 ns for one prefix pattern and one key; guarded by `bench/acl.ts`.
 */
import { foldedText } from '../base/ascii.ts';
import { ANY_CHANNEL, CHANNEL_PATTERN, READS } from '../command/args.ts';
import type { Command, KeyList } from '../command/command.ts';
import type { Permissions } from './permissions.ts';
import type { User } from './user.ts';

/** What is asked of a request: its words as ranges of bytes, the first of them the command's name. */
export interface AskedWords {
  readonly argc: number;
  readonly bytes: Uint8Array;
  start(index: number): number;
  end(index: number): number;
}

export const ALLOWED = 0;
export const DENIED_COMMAND = 1;
const DENIED_KEY = 2;
export const DENIED_CHANNEL = 3;
export type Verdict = 0 | 1 | 2 | 3;

/** Which argument the last denial was about; 0 for the command itself. */
export const denied: { argument: number } = { argument: 0 };

function commandOf(permissions: Permissions, command: Command, request: AskedWords): boolean {
  if (permissions.allowsCommand(command.id)) return true;
  const words = permissions.firstArguments.get(command.id);
  if (words === undefined || request.argc < 2) return false;
  return words.has(foldedText(request.bytes, request.start(1), request.end(1)));
}

function verdictOf(permissions: Permissions, command: Command, request: AskedWords, keys: KeyList): Verdict {
  if (!command.isNoAuth && !commandOf(permissions, command, request)) {
    denied.argument = 0;
    return DENIED_COMMAND;
  }
  if (permissions.allKeys && (!command.hasChannels || permissions.allChannels)) return ALLOWED;
  const { bytes } = request;
  for (let i = 0; i < keys.count; i++) {
    const at = keys.at[i] as number;
    const access = keys.access[i] as number;
    if ((access & ANY_CHANNEL) !== 0) {
      const isPattern = (access & CHANNEL_PATTERN) !== 0;
      if (permissions.allowsChannel(bytes, request.start(at), request.end(at), isPattern)) continue;
      denied.argument = at;
      return DENIED_CHANNEL;
    }
    if (!permissions.allowsKey(bytes, request.start(at), request.end(at), access)) {
      denied.argument = at;
      return DENIED_KEY;
    }
  }
  return ALLOWED;
}

/** Whether the user may stay subscribed: by the root or by any selector, as nobody asks for the command again. */
export function maySubscribe(user: User, name: Uint8Array, isPattern: boolean): boolean {
  if (user.root.allowsChannel(name, 0, name.length, isPattern)) return true;
  return user.selectors.some((selector) => selector.allowsChannel(name, 0, name.length, isPattern));
}

/** Whether the user may read a key: by the root or by any selector, whatever the command. */
export function mayRead(user: User, key: Uint8Array): boolean {
  if (user.root.allowsKey(key, 0, key.length, READS)) return true;
  return user.selectors.some((selector) => selector.allowsKey(key, 0, key.length, READS));
}

/**
 * Whether subscriptions have to be looked at when a user was changed. As in Redis: not if it may have all channels now, and
 * not if it had none before, as then they are those of somebody the connection was earlier.
 */
export function mayLoseChannels(before: User, after: User): boolean {
  if (before === after || after.root.allChannels || after.selectors.some(({ allChannels }) => allChannels))
    return false;
  const had = [before.root].concat(before.selectors);
  return had.some(({ allChannels, channels }) => allChannels || channels.length > 0);
}

/** The verdict over the root and all selectors; of several denials the one that came furthest, as in Redis. */
export function checkAll(user: User, command: Command, request: AskedWords, keys: KeyList): Verdict {
  let verdict = verdictOf(user.root, command, request, keys);
  if (verdict === ALLOWED || user.selectors.length === 0) return verdict;
  let argument = denied.argument;
  for (const selector of user.selectors) {
    const next = verdictOf(selector, command, request, keys);
    if (next === ALLOWED) return ALLOWED;
    if (next > verdict || (next === verdict && denied.argument > argument)) {
      verdict = next;
      argument = denied.argument;
    }
  }
  denied.argument = argument;
  return verdict;
}

/** Whether any selector allows the command at all: decided before its arguments are looked at. */
export function checkCommand(user: User, command: Command, request: AskedWords): boolean {
  if (command.isNoAuth || commandOf(user.root, command, request)) return true;
  for (const selector of user.selectors) if (commandOf(selector, command, request)) return true;
  return false;
}

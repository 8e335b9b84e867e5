/** What a session command may see and do of the connection that sent it. The gateway implements it. */
import type { Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Caller, LaterReply, WaitCut, WaitingReply } from './backend.ts';
import type { PubSubPort } from './pubsub.ts';
import type { TrackingPort } from './tracking.ts';

/** The filters of CLIENT LIST and CLIENT KILL; undefined fields match everything. */
export interface ClientFilter {
  readonly ids?: readonly number[];
  readonly address?: string;
  readonly localAddress?: string;
  readonly userName?: string;
  readonly clientType?: 'normal' | 'master' | 'replica' | 'pubsub';
  readonly skipSelf?: boolean;
  readonly maxAgeSeconds?: number;
}

/** The connections a session may see: those of its own tenant; for operators, all. */
export interface ClientsPort {
  /** One CLIENT LIST line per matching connection, each ended by a newline. */
  list(filter: ClientFilter): string;
  /** Whether there is a user of this name, one character per byte, that the session may know of. */
  knowsUser(name: string): boolean;
  /** Closes matching connections; the number of them. The own one is closed after its reply. */
  kill(filter: ClientFilter): number;
  /** Ends a blocked connection's wait; false when that connection is not blocked or not visible. */
  unblock(id: number, withError: boolean): boolean;
  /** Holds back commands of all visible clients until the time is over. Restarting extends, never shortens. */
  pause(timeout_ms: number, onlyWrites: boolean): void;
  unpause(): void;
}

/** What a login came to: a refusal, or none. Some secrets take so long to judge that it is known later. */
export type LoginOutcome = Refusal | undefined | Promise<Refusal | undefined>;

export interface SessionPort extends Caller {
  /** One character per byte. */
  readonly userName: string;
  /** The tenant of the user: its identity. */
  readonly tenantName: string;
  /** The tenant whose namespace commands act on: the own one, or for operators the one they chose. */
  readonly namespaceName: string;
  /** A user of the tenant `system`, or the trusted loopback user: the ceiling does not hold for it. */
  readonly isOperator: boolean;
  readonly isAuthenticated: boolean;
  readonly protocol: 2 | 3;
  /** CLIENT SETNAME; empty when none. */
  readonly name: string;
  readonly clients: ClientsPort;
  readonly tracking: TrackingPort;
  readonly pubsub: PubSubPort;

  /**
   * Changes identity on success; on failure the identity stays as it was, and the refusal is what to answer. Without a
   * name it is the user `default` that is meant, as AUTH was before there were users.
   */
  authenticate(userName: Uint8Array | undefined, secret: Uint8Array): LoginOutcome;
  selectDatabase(number: number): boolean;
  /** Operators only: the tenant to act on. False when there is no such tenant. */
  useTenant(name: string): boolean;
  setProtocol(protocol: 2 | 3): void;
  setName(name: string): void;
  setLibrary(part: 'name' | 'version', value: string): void;
  setReplyMode(mode: 'on' | 'off' | 'skip'): void;
  setNoTouch(on: boolean): void;
  setNoEvict(on: boolean): void;
  /** MULTI. */
  beginTransaction(): Refusal | undefined;
  /** EXEC, whose answer may come later. */
  executeTransaction(out: ReplyWriter): void;
  /** DISCARD: false when there was no MULTI. What was watched is watched no more. */
  leaveTransaction(): boolean;
  /** MONITOR: shows this connection what the others run. False when it is shown that already. */
  watch(): boolean;
  /** RESET: everything a session gathered is dropped; what needs authentication asks for it again. */
  reset(): void;
  /** The connection ends once the replies so far have left. */
  closeAfterReply(): void;
  /** The line that CLIENT INFO answers, without newline. */
  describe(): string;
  /** A place in the order of replies for an answer that comes later; requests behind it go on. */
  later(): LaterReply;
  /**
   * The same for a command that waits: nothing behind it runs before its answer. `cut` is told at most once, when the wait
   * ends by something else than the answer; unless the connection is gone, an answer is still owed. One that has no bytes
   * says that there is none, and the connection ends.
   */
  block(cut: (how: WaitCut) => void): WaitingReply;
  /** A bug in what was to fill this place later: an error stands there instead, and the connection ends. */
  failed(bug: unknown, place: LaterReply): void;
}

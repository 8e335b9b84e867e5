/**
 * Who a token speaks of. A signature is verified once per token and remembered by the token's hash until it expires, is
 * revoked, or the issuer has other keys.
 */
import { createHash } from 'node:crypto';
import { compactVerify } from 'jose';
import { makeRoom } from '../base/bounded.ts';
import { Counts } from '../base/counts.ts';
import {
  TOKENS_JUDGED_MAX,
  TOKENS_REMEMBERED_MAX,
  TOKENS_WAITING_MAX,
  TOKENS_WAITING_PER_ADDRESS_MAX,
} from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { IssuerKeys, type KeyWorld } from './issuer-keys.ts';
import {
  issuerOf,
  judgeClaims,
  judgeHeader,
  openToken,
  type Passed,
  type TokenFault,
  type TokenIdentity,
  UNTOLD,
} from './jwt.ts';
import type { TokenTerms } from './terms.ts';

export interface TokenWorld extends KeyWorld {
  /** Wall clock. */
  readonly nowMs: () => number;
  /** An issuer has other keys than before: what was made with one of the old ones may have ended. */
  readonly keysChanged: () => void;
}

/** Why what a token has opened is over before its time. */
export type TokenEnd = 'token_revoked' | 'token_key_withdrawn';

export class Tokens {
  private readonly world: TokenWorld;
  private readonly remembered: Map<string, TokenIdentity>;
  private terms: TokenTerms | undefined;
  private byIssuer: ReadonlyMap<string, IssuerKeys>;
  private byName: ReadonlyMap<string, IssuerKeys>;
  private judging: number;
  /** How many wait for an issuer, and of each owner of an address. */
  private waiting: number;
  private readonly waitingOf: Counts<string>;

  constructor(world: TokenWorld) {
    this.world = world;
    this.remembered = new Map();
    this.terms = undefined;
    this.byIssuer = new Map();
    this.byName = new Map();
    this.judging = 0;
    this.waiting = 0;
    this.waitingOf = new Counts();
  }

  /** Whether any token could be right. */
  get isOn(): boolean {
    return this.byIssuer.size > 0;
  }

  /** The keys of an issuer about whom nothing new is said stay. */
  adopt(terms: TokenTerms): void {
    if (terms === this.terms) return;
    this.terms = terms;
    this.remembered.clear();
    const all = terms.issuers.map((issuer) => {
      const before = this.byName.get(issuer.name);
      const stays = before !== undefined && JSON.stringify(before.terms) === JSON.stringify(issuer);
      return stays ? before : new IssuerKeys(issuer, this.world, () => this.keysChanged(issuer.name));
    });
    this.byIssuer = new Map(all.map((keys) => [keys.terms.issuer, keys]));
    this.byName = new Map(all.map((keys) => [keys.terms.name, keys]));
    // So that the first login finds keys.
    for (const keys of all) keys.askIfDue();
  }

  /** Asks for keys that are due. Called now and then. */
  tick(): void {
    for (const keys of this.byName.values()) keys.tick();
  }

  /** By itself, with the trust in its issuer, or with the key it was made with. */
  endOf(identity: TokenIdentity): TokenEnd | undefined {
    const keys = this.byName.get(identity.issuer);
    if (keys === undefined || this.isRevoked(identity)) return 'token_revoked';
    const { signedBy } = identity;
    return signedBy !== undefined && keys.hasWithdrawn(signedBy) ? 'token_key_withdrawn' : undefined;
  }

  private isRevoked(identity: TokenIdentity): boolean {
    return this.terms !== undefined && isTakenBack(this.terms.revoked, identity);
  }

  /** A token that has been verified before and still holds. */
  known(token: Uint8Array): TokenIdentity | undefined {
    if (this.remembered.size === 0) return undefined;
    const hash = hashOf(token);
    const identity = this.remembered.get(hash);
    if (identity === undefined) return undefined;
    if (this.world.nowMs() >= identity.expiresAt_ms) {
      this.remembered.delete(hash);
      return undefined;
    }
    const keys = this.byName.get(identity.issuer);
    keys?.askIfDue();
    return keys?.isUsable === true && this.endOf(identity) === undefined ? identity : undefined;
  }

  /** Whether one more may be judged now. */
  get hasRoom(): boolean {
    return this.judging < TOKENS_JUDGED_MAX;
  }

  /** @param owner of the address it came from, who has so many places to wait for an issuer */
  async judge(token: Uint8Array, owner: string, passed: Passed = UNTOLD): Promise<Result<TokenIdentity, TokenFault>> {
    this.judging++;
    try {
      return await this.verify(token, owner, passed);
    } catch {
      // Nothing here throws by intent; what a library throws about a stranger's bytes is a refusal.
      return failure('malformed');
    } finally {
      this.judging--;
    }
  }

  private async verify(token: Uint8Array, owner: string, passed: Passed): Promise<Result<TokenIdentity, TokenFault>> {
    const opened = openToken(token);
    if (!opened.ok) return opened;
    passed('form');
    const keys = this.byIssuer.get(issuerOf(opened.value) ?? '');
    if (keys === undefined) return failure('issuer');
    passed('issuer');
    const { terms } = keys;
    const fault = judgeHeader(opened.value, terms, passed);
    if (fault !== undefined) return failure(fault);
    // The cheap refusals first: a stranger's token with nothing right in it must not make us ask for keys.
    const early = judgeClaims(opened.value, terms, this.world.nowMs(), passed);
    if (!early.ok) return early;
    const { algorithm, keyId, text } = opened.value;
    const key = await keys.find(algorithm, keyId, (answer) => this.wait(owner, answer));
    if (!key.ok) return key;
    passed('key');
    try {
      await compactVerify(text, key.value.key, { algorithms: [algorithm] });
    } catch {
      return failure('bad_signature');
    }
    // The issuer may have answered meanwhile.
    if (keys.hasWithdrawn(key.value.mark)) return failure('unknown_key');
    passed('signature');
    const judged = judgeClaims(opened.value, terms, this.world.nowMs());
    if (!judged.ok) return judged;
    if (this.isRevoked(judged.value)) return failure('revoked');
    passed('revocation');
    const identity = { ...judged.value, signedBy: key.value.mark };
    // A policy that came meanwhile may say something else of this issuer.
    if (this.byName.get(terms.name) === keys) {
      makeRoom(this.remembered, TOKENS_REMEMBERED_MAX);
      this.remembered.set(hashOf(token), identity);
    }
    return success(identity);
  }

  /** An issuer that hangs keeps those waiting whom it is asked for, and nobody whose key is there. */
  private async wait(owner: string, answer: Promise<void> | undefined): Promise<boolean> {
    if (answer === undefined) return true;
    if (this.waiting >= TOKENS_WAITING_MAX || this.waitingOf.of(owner) >= TOKENS_WAITING_PER_ADDRESS_MAX) return false;
    this.waitingOf.add(owner);
    this.waiting++;
    this.judging--;
    await answer;
    this.judging++;
    this.waiting--;
    this.waitingOf.remove(owner);
    return true;
  }

  private keysChanged(issuer: string): void {
    this.forget(issuer);
    this.world.keysChanged();
  }

  private forget(issuer: string): void {
    for (const [hash, identity] of this.remembered) if (identity.issuer === issuer) this.remembered.delete(hash);
  }
}

/** By a line of the file `revoked`. */
export function isTakenBack(revoked: ReadonlySet<string>, { issuer, id, subject }: TokenIdentity): boolean {
  if (revoked.size === 0) return false;
  return revoked.has(`sub ${issuer} ${subject}`) || (id !== undefined && revoked.has(`jti ${issuer} ${id}`));
}

function hashOf(token: Uint8Array): string {
  return createHash('sha256').update(token).digest('base64');
}

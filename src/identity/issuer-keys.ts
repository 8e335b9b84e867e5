/**
 * The keys of one issuer over time. Those of a file are what the policy read. Those of an address are asked for again by the
 * clock, and when a token names a key that is not among them, but never oftener than the cooldown allows; an issuer that
 * does not answer is believed by its old keys for as long as the policy says, and then not at all.
 */
import { JWKS_COOLDOWN_MS, JWKS_RETRY_MS } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { type KeySet, parseJwks, type SigningKey } from './jwks.ts';
import type { TokenFault } from './jwt.ts';
import type { IssuerTerms, KeySource } from './terms.ts';

export interface KeyWorld {
  /** Monotonic. */
  readonly monotonicMs: () => number;
  readonly fetch: (source: Extract<KeySource, { kind: 'url' }>) => Promise<Result<string>>;
  /** Told how asking for keys went, in words for people. */
  readonly fetched: (issuer: string, fault: string | undefined) => void;
}

/** Waits for an issuer's answer, or for nothing if it is not asked; false: there is no place to wait. */
export type KeyWait = (answer: Promise<void> | undefined) => Promise<boolean>;

export class IssuerKeys {
  readonly terms: IssuerTerms;
  private readonly world: KeyWorld;
  /** Another set of keys is in force: what keys that are not in it have proven holds no more. */
  private readonly changed: () => void;
  private keys: KeySet | undefined;
  private fetchedAt_ms: number;
  private askedAt_ms: number;
  private asking: Promise<void> | undefined;

  constructor(terms: IssuerTerms, world: KeyWorld, changed: () => void) {
    this.terms = terms;
    this.world = world;
    this.changed = changed;
    this.keys = terms.source.kind === 'file' ? terms.source.keys : undefined;
    this.fetchedAt_ms = Number.NEGATIVE_INFINITY;
    this.askedAt_ms = Number.NEGATIVE_INFINITY;
    this.asking = undefined;
  }

  private get age_ms(): number {
    return this.world.monotonicMs() - this.fetchedAt_ms;
  }

  /** Whether there are keys that may be believed. */
  get isUsable(): boolean {
    if (this.terms.source.kind === 'file') return true;
    return this.keys !== undefined && this.age_ms < this.terms.maxStaleSeconds * 1000;
  }

  /** In the background: nobody waits for it as long as there are keys. */
  askIfDue(): void {
    if (this.terms.source.kind === 'url' && this.age_ms >= this.terms.refreshSeconds * 1000) void this.ask();
  }

  /**
   * By the clock, so that a key that is published no more is noticed while nobody logs in. An issuer that does not answer is
   * asked again more seldom than for the sake of a login.
   */
  tick(): void {
    const sinceAsked_ms = this.world.monotonicMs() - this.askedAt_ms;
    if (sinceAsked_ms >= Math.min(this.terms.refreshSeconds * 1000, JWKS_RETRY_MS)) this.askIfDue();
  }

  /** Whether the issuer said, by what it publishes now, that this key is its own no more. Silence says nothing. */
  hasWithdrawn(mark: string): boolean {
    return this.keys?.publishes(mark) === false;
  }

  async find(algorithm: string, id: string | undefined, wait: KeyWait): Promise<Result<SigningKey, TokenFault>> {
    this.askIfDue();
    if (!this.isUsable && !(await wait(this.ask()))) return failure('keys_awaited');
    if (!this.isUsable) return failure('keys_unavailable');
    const known = await this.keys?.find(algorithm, id);
    if (known !== undefined) return success(known);
    if (!(await wait(this.ask()))) return failure('keys_awaited');
    const rotated = this.isUsable ? await this.keys?.find(algorithm, id) : undefined;
    return rotated === undefined ? failure('unknown_key') : success(rotated);
  }

  /** Undefined: there is nobody to ask, or it is too early. */
  private ask(): Promise<void> | undefined {
    const { source } = this.terms;
    if (source.kind === 'file') return undefined;
    if (this.asking !== undefined) return this.asking;
    const now_ms = this.world.monotonicMs();
    if (now_ms - this.askedAt_ms < JWKS_COOLDOWN_MS) return undefined;
    this.askedAt_ms = now_ms;
    const asked = this.world.fetch(source).catch(() => failure('cannot be asked'));
    this.asking = asked.then((text) => {
      this.asking = undefined;
      this.take(text.ok ? parseJwks(text.value) : text);
    });
    return this.asking;
  }

  private take(read: Result<KeySet>): void {
    this.world.fetched(this.terms.name, read.ok ? undefined : read.fault);
    if (!read.ok) return;
    this.fetchedAt_ms = this.world.monotonicMs();
    if (this.keys?.fingerprint === read.value.fingerprint) return;
    this.keys = read.value;
    this.changed();
  }
}

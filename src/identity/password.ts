/**
 * Passwords of people, stored as scrypt hashes in the form of the PHC strings: `$scrypt$ln=15,r=8,p=3$salt$hash`.
 * Hashing runs in the runtime's thread pool, a few at a time; who was right is remembered under a key of the process, so
 * that a reconnecting client costs no slow hash.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { makeRoom } from '../base/bounded.ts';
import { Counts } from '../base/counts.ts';
import {
  PASSWORDS_REMEMBERED_MAX,
  SLOW_HASH_BYTES_MAX,
  SLOW_HASHES_PER_ADDRESS_MAX,
  SLOW_HASHES_RUNNING_MAX,
  SLOW_HASHES_WAITING_MAX,
} from '../base/limits.ts';

export interface SlowHash {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,64})\$([A-Za-z0-9+/]{43,86})$/;
const COST_LOG_MIN = 14;
const COST_LOG_MAX = 17;
/** 32 MiB a hash, so that many fit in memory; done three times over, as a guesser pays for time as well. About 0.3 s. */
const COST_LOG = 15;
const BLOCK_SIZE = 8;
const PARALLELIZATION = 3;
const PARALLELIZATION_MAX = 4;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Undefined: not in the form, or weaker or dearer than is taken. */
export function parseSlowHash(text: string): SlowHash | undefined {
  const [, log = '', block = '', parallel = '', salt = '', hash = ''] = FORM.exec(text) ?? [];
  const parts = { cost: 2 ** Number(log), blockSize: Number(block), parallelization: Number(parallel) };
  const isCost = Number(log) >= COST_LOG_MIN && Number(log) <= COST_LOG_MAX;
  const isWork = parts.blockSize >= 8 && parts.parallelization >= 1 && parts.parallelization <= PARALLELIZATION_MAX;
  if (!isCost || !isWork || bytesOf(parts) > SLOW_HASH_BYTES_MAX) return undefined;
  return { ...parts, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

export async function makeSlowHash(password: Uint8Array): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const parts = { cost: 2 ** COST_LOG, blockSize: BLOCK_SIZE, parallelization: PARALLELIZATION };
  const hash = await derive(password, { ...parts, salt, hash: new Uint8Array(HASH_BYTES) });
  return `$scrypt$ln=${COST_LOG},r=${BLOCK_SIZE},p=${PARALLELIZATION}$${bare(salt)}$${bare(hash)}`;
}

function bare(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function bytesOf({ cost, blockSize }: Pick<SlowHash, 'cost' | 'blockSize'>): number {
  return 128 * cost * blockSize;
}

function derive(password: Uint8Array, { cost, blockSize, parallelization, salt, hash }: SlowHash): Promise<Uint8Array> {
  const maxmem = 2 * SLOW_HASH_BYTES_MAX;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, { N: cost, r: blockSize, p: parallelization, maxmem }, (error, derived) => {
      // Bun says undefined where Node says null.
      if (error instanceof Error) reject(error);
      else resolve(derived);
    });
  });
}

/** What an unknown user's password is held against: as much work as the usual hash, and nobody's. */
const NOBODY = `$scrypt$ln=${COST_LOG},r=${BLOCK_SIZE},p=${PARALLELIZATION}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

export class SlowPasswords {
  private readonly key: Uint8Array;
  private readonly remembered: Set<string>;
  /** How many are under way for an address, and for a user from it. */
  private readonly busy: Counts<string>;
  /** Hashes being worked out: who says the same meanwhile gets the same answer. */
  private readonly underWay: Map<string, Promise<string | undefined>>;
  private readonly waiting: (() => void)[];
  private running: number;

  constructor() {
    this.key = randomBytes(32);
    this.remembered = new Set();
    this.busy = new Counts();
    this.underWay = new Map();
    this.waiting = [];
    this.running = 0;
  }

  /** The hash that a password was right for before; costs no slow hash. */
  known(name: string, hashes: readonly string[], password: Uint8Array): string | undefined {
    if (this.remembered.size === 0) return undefined;
    return hashes.find((hash) => this.remembered.has(this.mark(name, hash, password)));
  }

  /** The answer that somebody waits for who said the same: a pool of clients that comes at once costs one hash. */
  joined(name: string, hashes: readonly string[], password: Uint8Array): Promise<string | undefined> | undefined {
    return this.underWay.size === 0 ? undefined : this.underWay.get(this.mark(name, hashes.join(' '), password));
  }

  /** Whether one more of this user and of this address may be judged now. */
  hasRoom(name: string, address: string): boolean {
    const isFull = this.running >= SLOW_HASHES_RUNNING_MAX && this.waiting.length >= SLOW_HASHES_WAITING_MAX;
    const isFree = this.busy.of(address) < SLOW_HASHES_PER_ADDRESS_MAX && this.busy.of(`${address} ${name}`) === 0;
    return !isFull && isFree;
  }

  /**
   * The hash that the password is right for. Always works for as long as for all hashes of a user, and for a user who has
   * none as for one of the usual cost. Users with several, or with others, are told from that by time: to work for as long
   * as for the dearest of all would give every stranger the most that there is to take.
   */
  judge(name: string, address: string, hashes: readonly string[], password: Uint8Array): Promise<string | undefined> {
    const mark = this.mark(name, hashes.join(' '), password);
    const answer = this.work(name, address, hashes, password).finally(() => this.underWay.delete(mark));
    this.underWay.set(mark, answer);
    return answer;
  }

  private async work(
    name: string,
    address: string,
    hashes: readonly string[],
    password: Uint8Array,
  ): Promise<string | undefined> {
    const places = [address, `${address} ${name}`];
    for (const place of places) this.busy.add(place);
    await this.begin();
    try {
      let found: string | undefined;
      for (const text of hashes.length === 0 ? [NOBODY] : hashes) {
        if ((await matches(password, text)) && hashes.includes(text)) found = text;
      }
      if (found !== undefined) {
        makeRoom(this.remembered, PASSWORDS_REMEMBERED_MAX);
        this.remembered.add(this.mark(name, found, password));
      }
      return found;
    } finally {
      for (const place of places) this.busy.remove(place);
      this.end();
    }
  }

  private begin(): Promise<void> | undefined {
    if (this.running < SLOW_HASHES_RUNNING_MAX) {
      this.running++;
      return undefined;
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Whoever waits takes over the place. */
  private end(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.running--;
    else next();
  }

  private mark(name: string, hash: string, password: Uint8Array): string {
    const hmac = createHmac('sha256', this.key);
    return hmac.update(`${name.length} ${name} ${hash} `, 'latin1').update(password).digest('base64');
  }
}

async function matches(password: Uint8Array, text: string): Promise<boolean> {
  const wanted = parseSlowHash(text);
  if (wanted === undefined) return false;
  try {
    const derived = await derive(password, wanted);
    return derived.length === wanted.hash.length && timingSafeEqual(derived, wanted.hash);
  } catch {
    return false;
  }
}

/**
 * The options that XADD and XTRIM have in common: `MAXLEN|MINID [=|~] threshold [LIMIT count]`, XADD's NOMKSTREAM among
 * them, read as Redis reads them, each mistake with its own words.
 *
 * Hot path: once per XADD. The object is used again and again.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import type { ArgDoc, ArgIndex } from '../../command/args.ts';
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { trim } from '../../engine/types/stream-edit.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { NOT_AN_INTEGER, type Refusal } from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import {
  INVALID_STREAM_ID,
  TRIM_LENGTH_NEGATIVE,
  TRIM_LIMIT_ALONE,
  TRIM_LIMIT_EXACT,
  TRIM_LIMIT_NEGATIVE,
  TRIM_STRATEGIES_CONFLICT,
  TRIM_STRATEGY_MISSING,
} from '../../resp/stream-refusals.ts';
import { viewOf } from '../replay.ts';
import { isWord } from '../words.ts';
import { idBytes, isSign, readId } from './value.ts';

const MAXLEN = bytesOfLatin1('MAXLEN');
const MINID = bytesOfLatin1('MINID');
const LIMIT = bytesOfLatin1('LIMIT');
const EQUAL = 0x3d;
const TILDE = 0x7e;

/** Blocks that an approximate trim without LIMIT takes at the most, and entries, however large the blocks are. */
const BLOCKS_TRIMMED_MAX = 100;
const ENTRIES_TRIMMED_DEFAULT = 10_000;
const ENTRIES_TRIMMED_MAX = 1_000_000;

/** What `take` found at a position. */
const NO_OPTION = 0;

const place = new IdPlace();

export class TrimOptions {
  strategy: 'none' | 'length' | 'id';
  isApproximate: boolean;
  /** Position of the threshold. */
  threshold: ArgIndex;
  private length: number;
  private readonly id: StreamId;
  private limit: number;
  private isLimitGiven: boolean;

  constructor() {
    this.strategy = 'none';
    this.isApproximate = false;
    this.threshold = 0;
    this.length = 0;
    this.id = new StreamId();
    this.limit = 0;
    this.isLimitGiven = false;
  }

  reset(): void {
    this.strategy = 'none';
    this.isApproximate = false;
    this.limit = 0;
    this.isLimitGiven = false;
  }

  /** Takes the option at a position. @returns the position behind it, NO_OPTION when there is none, or why it is refused. */
  take(request: Request, at: ArgIndex): ArgIndex | Refusal {
    if (at + 1 >= request.argc) return NO_OPTION;
    if (isWord(request, at, MAXLEN)) return this.takeStrategy(request, at, 'length');
    if (isWord(request, at, MINID)) return this.takeStrategy(request, at, 'id');
    if (!isWord(request, at, LIMIT)) return NO_OPTION;
    this.limit = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
    if (Number.isNaN(this.limit)) return NOT_AN_INTEGER;
    if (this.limit < 0) return TRIM_LIMIT_NEGATIVE;
    this.isLimitGiven = true;
    return at + 2;
  }

  private takeStrategy(request: Request, at: ArgIndex, strategy: 'length' | 'id'): ArgIndex | Refusal {
    if (this.strategy !== 'none') return TRIM_STRATEGIES_CONFLICT;
    const mayHaveSign = at + 2 < request.argc;
    this.isApproximate = mayHaveSign && isSign(request, at + 1, TILDE);
    this.threshold = this.isApproximate || (mayHaveSign && isSign(request, at + 1, EQUAL)) ? at + 2 : at + 1;
    if (strategy === 'length') {
      this.length = parseInteger(request.bytes, request.start(this.threshold), request.end(this.threshold));
      if (Number.isNaN(this.length)) return NOT_AN_INTEGER;
      if (this.length < 0) return TRIM_LENGTH_NEGATIVE;
    } else if (!readId(request, this.threshold, this.id)) return INVALID_STREAM_ID;
    this.strategy = strategy;
    return this.threshold + 1;
  }

  /**
   * Whether the options go together, once all are read. What is played again has come through this before: redis-server writes
   * down how far a trim went as an exact one, and leaves the LIMIT in it that only others may have.
   */
  check(isStrategyNeeded: boolean, isReplayed: boolean): Refusal | undefined {
    if (this.limit > 0 && this.strategy === 'none') return TRIM_LIMIT_ALONE;
    if (isStrategyNeeded && this.strategy === 'none') return TRIM_STRATEGY_MISSING;
    if (isReplayed) this.limit = 0;
    return this.isLimitGiven && !this.isApproximate && !isReplayed ? TRIM_LIMIT_EXACT : undefined;
  }

  /** @returns how many entries went. */
  apply(stream: Stream, entriesPerBlockMax: number): number {
    if (this.strategy === 'none') return 0;
    const goal =
      this.strategy === 'length'
        ? ({ kind: 'length', length: this.length } as const)
        : ({ kind: 'from', id: this.id } as const);
    return trim(stream, { goal, isApproximate: this.isApproximate, limit: this.limitOf(entriesPerBlockMax) });
  }

  private limitOf(entriesPerBlockMax: number): number {
    if (this.isLimitGiven || !this.isApproximate) return this.limit;
    const entries = BLOCKS_TRIMMED_MAX * entriesPerBlockMax;
    return entries <= 0 ? ENTRIES_TRIMMED_DEFAULT : Math.min(entries, ENTRIES_TRIMMED_MAX);
  }

  /** The words that trim a copy, in the state before, exactly as far as this stream has just been. */
  replay(request: Request, stream: Stream): readonly (Uint8Array | string)[] {
    const word = this.strategy === 'length' ? 'MAXLEN' : 'MINID';
    if (!this.isApproximate) return [word, '=', viewOf(request, this.threshold)];
    if (this.strategy === 'length') return [word, '=', `${stream.length}`];
    const first = new StreamId(-1, -1, -1, -1);
    // The ID by which a block is known is that of its first entry, be it deleted or not.
    if (stream.blocks.first(place)) stream.blocks.readId(place, first);
    return [word, '=', idBytes(first)];
  }
}

const token = (name: string, word: string): ArgDoc => ({ name, type: 'pure-token', token: word, flags: [] });

/** The argument tree of COMMAND DOCS. */
export function trimDoc(isOptional: boolean): ArgDoc {
  return {
    name: 'trim',
    type: 'block',
    flags: isOptional ? ['optional'] : [],
    arguments: [
      { name: 'strategy', type: 'oneof', flags: [], arguments: [token('maxlen', 'MAXLEN'), token('minid', 'MINID')] },
      {
        name: 'operator',
        type: 'oneof',
        flags: ['optional'],
        arguments: [token('equal', '='), token('approximately', '~')],
      },
      { name: 'threshold', type: 'string', flags: [] },
      { name: 'count', type: 'integer', token: 'LIMIT', flags: ['optional'] },
    ],
  };
}

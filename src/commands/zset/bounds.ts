/** Ranges of scores and of names as ZRANGE and its kin write them. */
import type { ArgIndex } from '../../command/args.ts';
import { parseFloatLoosely } from '../../command/float.ts';
import type { SortedSet } from '../../engine/types/zset.ts';
import { LexBound } from '../../engine/types/zset-lex.ts';
import type { Request } from '../../resp/request.ts';

const OPEN = 0x28;
const CLOSED = 0x5b;
const LOWEST = 0x2d;
const HIGHEST = 0x2b;

/** Scores between two bounds, each with or without itself. Reusable. */
export class ScoreRange {
  private min: number;
  private max: number;
  private withoutMin: boolean;
  private withoutMax: boolean;

  constructor() {
    this.min = 0;
    this.max = 0;
    this.withoutMin = false;
    this.withoutMax = false;
  }

  /** Reads both bounds; false when one of them is no number. */
  read(request: Request, min: ArgIndex, max: ArgIndex): boolean {
    this.withoutMin = isOpen(request, min);
    this.withoutMax = isOpen(request, max);
    this.min = boundAt(request, min, this.withoutMin);
    this.max = boundAt(request, max, this.withoutMax);
    return !Number.isNaN(this.min) && !Number.isNaN(this.max);
  }

  /** The rank of the first element within. */
  from(zset: SortedSet): number {
    return zset.countBelow(this.min, this.withoutMin);
  }

  /** The rank behind the last element within, or less than `from` when there is none. */
  to(zset: SortedSet): number {
    return zset.countBelow(this.max, !this.withoutMax);
  }
}

function isOpen(request: Request, at: ArgIndex): boolean {
  return request.length(at) > 0 && request.bytes[request.start(at)] === OPEN;
}

function boundAt(request: Request, at: ArgIndex, open: boolean): number {
  return parseFloatLoosely(request.bytes, request.start(at) + (open ? 1 : 0), request.end(at));
}

/** Names between two bounds. Reusable. */
export class LexRange {
  readonly min: LexBound;
  readonly max: LexBound;

  constructor() {
    this.min = new LexBound();
    this.max = new LexBound();
  }

  /** Reads both bounds; false when one of them is none. */
  read(request: Request, min: ArgIndex, max: ArgIndex): boolean {
    return readBound(request, min, this.min) && readBound(request, max, this.max);
  }
}

function readBound(request: Request, at: ArgIndex, bound: LexBound): boolean {
  const { bytes } = request;
  const start = request.start(at);
  const end = request.end(at);
  if (start === end) return false;
  const mark = bytes[start];
  if (mark === OPEN || mark === CLOSED) {
    bound.setName(bytes, start + 1, end, mark === OPEN);
    return true;
  }
  // As in C, a NUL ends the text.
  if (end - start > 1 && bytes[start + 1] !== 0) return false;
  if (mark === LOWEST) bound.setBelowAll();
  else if (mark === HIGHEST) bound.setAboveAll();
  else return false;
  return true;
}

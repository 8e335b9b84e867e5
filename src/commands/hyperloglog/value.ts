/**
 * HyperLogLogs as strings at keys: finding, copying, counting, merging and storing them.
 *
 * Invariant: what a client wrote into the string by hand is at worst refused; every reader here stays inside the value.
 *
 * Hot path: once per PFADD and PFCOUNT. Guarded by `bench/hyperloglog.ts`.
 */
import type { ArgIndex } from '../../command/args.ts';
import type { ShardCall } from '../../command/spec.ts';
import { type Database, Encoding, MISSING, NO_EXPIRY, OK } from '../../engine/database.ts';
import { NOT_A_HYPERLOGLOG, OOM, type Refusal, WRONG_TYPE } from '../../resp/refusals.ts';
import { findForWrite, roomFor } from '../keys.ts';
import { isString, lengthRefusal, putBytes } from '../string/value.ts';
import { countDense, mergeDense } from './dense.ts';
import { estimate, HISTOGRAM_LENGTH } from './estimate.ts';
import { DENSE, encodingOf, HEADER_BYTES, NEITHER } from './layout.ts';
import { MurmurHash64A } from './murmur.ts';
import { countSparse, mergeSparse } from './sparse.ts';
import { CORRUPT, RAISED, type WorkingHyperloglog } from './working.ts';

/** Redis' seed, so that the same element sets the same register. */
const SEED = 0xadc83b19;
const INDEX_BITS = 14;
const INDEX_MASK = 0x3fff;
const LOW_RANK_BITS = 32 - INDEX_BITS;

const murmur = new MurmurHash64A(SEED);
const histogram = new Int32Array(HISTOGRAM_LENGTH);

/** Why an entry is no HyperLogLog; undefined when it is one. */
export function kindRefusal(database: Database, ref: number): Refusal | undefined {
  if (!isString(database, ref)) return WRONG_TYPE;
  const encoding = encodingOf(database.valueBytes(ref), database.valueStart(ref), database.valueLength(ref));
  return encoding === NEITHER ? NOT_A_HYPERLOGLOG : undefined;
}

/** Of an entry that is a HyperLogLog. */
export function isDense(database: Database, ref: number): boolean {
  return encodingOf(database.valueBytes(ref), database.valueStart(ref), database.valueLength(ref)) === DENSE;
}

/** Register of an element, and above 14 bits its rank: the position of the first bit set in the rest of the hash. */
export function registerAndRank(bytes: Uint8Array, start: number, end: number): number {
  murmur.hash(bytes, start, end);
  const { low, high } = murmur;
  const rest = low >>> INDEX_BITS;
  const rank = rest !== 0 ? trailingZeros(rest) + 1 : trailingZeros(high) + LOW_RANK_BITS + 1;
  return (low & INDEX_MASK) | (rank << INDEX_BITS);
}

/** Of no bit at all 32, which makes the highest rank 51. */
function trailingZeros(word: number): number {
  return word === 0 ? 32 : 31 - Math.clz32(word & -word);
}

/** Adds arguments `first` to the last to a copy. @returns how many raised a register, or CORRUPT. */
export function addAll(call: ShardCall, first: ArgIndex, working: WorkingHyperloglog, sparseBytesMax: number): number {
  const { request } = call;
  let raised = 0;
  for (let at = first; at < request.argc; at++) {
    const packed = registerAndRank(request.bytes, request.start(at), request.end(at));
    const outcome = working.raise(packed & INDEX_MASK, packed >>> INDEX_BITS, sparseBytesMax);
    if (outcome === CORRUPT) return CORRUPT;
    if (outcome === RAISED) raised++;
  }
  return raised;
}

/** Takes an entry as the copy to be changed. False: it cannot be a HyperLogLog. */
export function load(database: Database, ref: number, working: WorkingHyperloglog): boolean {
  const bytes = database.valueBytes(ref);
  return working.load(bytes, database.valueStart(ref), database.valueLength(ref), isDense(database, ref));
}

/** The estimate from the registers; NaN when they are corrupt. */
export function countOf(database: Database, ref: number): number {
  const bytes = database.valueBytes(ref);
  const start = database.valueStart(ref);
  histogram.fill(0);
  if (isDense(database, ref)) countDense(bytes, start + HEADER_BYTES, histogram);
  else if (!countSparse(bytes, start + HEADER_BYTES, start + database.valueLength(ref), histogram)) return Number.NaN;
  return estimate(histogram);
}

/** The estimate from registers of one byte each. */
export function countOfRegisters(registers: Uint8Array): number {
  histogram.fill(0);
  for (let i = 0; i < registers.length; i++) {
    const value = registers[i] as number;
    histogram[value] = (histogram[value] as number) + 1;
  }
  return estimate(histogram);
}

/** Raises each of `registers` to what it is in an entry. False: corrupt. */
export function mergeInto(registers: Uint8Array, database: Database, ref: number): boolean {
  const bytes = database.valueBytes(ref);
  const start = database.valueStart(ref);
  if (!isDense(database, ref)) {
    return mergeSparse(bytes, start + HEADER_BYTES, start + database.valueLength(ref), registers);
  }
  mergeDense(bytes, start + HEADER_BYTES, registers);
  return true;
}

/**
 * Makes the copy the value of the key, whose time to live stays; `ref` is what the key was found to be. Asks for room,
 * which may cost any key, this one too.
 * @returns why it could not be, and then nothing has changed
 */
export function store(call: ShardCall, key: ArgIndex, ref: number, working: WorkingHyperloglog): Refusal | undefined {
  const { database } = call;
  const { bytes, length } = working;
  const growth = ref === MISSING ? length : length - database.valueLength(ref);
  const tooLong = growth > 0 ? lengthRefusal(call, length) : undefined;
  if (tooLong !== undefined) return tooLong;
  if (ref === MISSING) {
    if (!roomFor(call, key, length)) return OOM;
    return putBytes(call, key, bytes, length, Encoding.raw, NO_EXPIRY) ? undefined : OOM;
  }
  let target = ref;
  if (growth > 0 && !call.realm.room(growth)) {
    if (!call.realm.ensureRoom(growth)) return OOM;
    target = findForWrite(call, key);
    if (target === MISSING) return OOM;
  }
  return database.replaceValue(target, bytes, 0, length, Encoding.raw) === OK ? undefined : OOM;
}

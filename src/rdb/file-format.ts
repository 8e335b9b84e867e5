/**
 * What stands between the values of an RDB file:
 *
 *     "REDIS" | version, 4 digits | item … | EOF | from version 5 on: CRC-64 of all before it, little endian
 *
 * An item is an opcode with what belongs to it, or an entry: type byte, key, value, with the opcodes of its time and its access
 * in front. Opcodes come from above, types from below; what is neither is refused by every server.
 */

export const MAGIC = 'REDIS';
export const VERSION_DIGITS = 4;
export const HEADER_BYTES = MAGIC.length + VERSION_DIGITS;
/** From this version on there is a checksum. All bytes zero: whoever wrote it computed none. */
export const CHECKSUM_FROM_VERSION = 5;
export const CHECKSUM_BYTES = 8;

export const Opcode = {
  /**
   * Ours: the name of the tenant whose databases follow; those of `default` stand in front of the first. No Redis knows it
   * (redis-server and redis-check-rdb 7.0.15 take it for a type and stop there), so that nobody's keys are mixed silently.
   */
  tenant: 192,
  /** Redis 7.4 and Valkey 8, in clusters: slot, its keys and its expires, as hints. */
  slotInfo: 244,
  /** The source of a function library. */
  function2: 245,
  /** The same, as only release candidates of Redis 7.0 wrote it. */
  functionBeta: 246,
  moduleAux: 247,
  idle: 248,
  frequency: 249,
  aux: 250,
  resizeDatabase: 251,
  expiryMs: 252,
  expirySeconds: 253,
  selectDatabase: 254,
  end: 255,
} as const;

/** Types that are known, and not read. */
export const MODULE_TYPE = 6;
export const MODULE_2_TYPE = 7;
/** Hashes of which fields expire, as betas of Redis 7.4 wrote them. */
export const HASH_METADATA_BETA_TYPE = 22;
export const HASH_LISTPACK_BETA_TYPE = 23;

const MODULE_NAME_LENGTH = 9;
/** Below the name a module id has the version of its encoding. */
const MODULE_VERSION_BITS = 10n;
const MODULE_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The name that a module's type has: nine letters of six bits each. */
export function moduleTypeName(id: bigint): string {
  let name = '';
  let rest = id >> MODULE_VERSION_BITS;
  for (let i = 0; i < MODULE_NAME_LENGTH; i++) {
    name = (MODULE_LETTERS[Number(rest & 63n)] ?? '') + name;
    rest >>= 6n;
  }
  return name;
}

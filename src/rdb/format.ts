/** The numbers of the RDB format that reading and writing share. */

/** The version we write: Redis 7.0's, the lowest that holds everything but fields with a time to live. */
export const RDB_VERSION = 10;
/** The same for hashes of which fields expire: Redis 7.4's. */
export const RDB_VERSION_FIELD_EXPIRY = 12;
/** The latest we read: that of Redis 7.4 and 8. */
export const RDB_VERSION_READ_MAX = 12;

/** First byte of a length: two bits of kind, or one of these. */
export const LENGTH_6 = 0;
export const LENGTH_14 = 1;
export const LENGTH_32 = 0x80;
export const LENGTH_64 = 0x81;
/** Instead of a length: a string that is not its bytes. */
export const ENCODED = 3;
export const INT_8 = 0xc0;
export const INT_16 = 0xc1;
export const INT_32 = 0xc2;
export const LZF = 0xc3;

/** How a value begins: what it is and how it is written. What is missing here are modules, and 22 and 23 of a beta of 7.4. */
export const RdbType = {
  string: 0,
  list: 1,
  set: 2,
  zsetTexts: 3,
  hash: 4,
  zset: 5,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listQuicklist: 14,
  stream: 15,
  hashListpack: 16,
  zsetListpack: 17,
  listQuicklist2: 18,
  stream2: 19,
  setListpack: 20,
  stream3: 21,
  hashMetadata: 24,
  hashListpackEx: 25,
} as const;

/** The lowest version that knows a type that we write. */
export function versionOf(typeByte: number): number {
  return typeByte >= RdbType.hashMetadata ? RDB_VERSION_FIELD_EXPIRY : RDB_VERSION;
}

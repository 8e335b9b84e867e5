/**
 * CRC-16/XMODEM and the slot of a key, as the Redis Cluster specification defines them (polynomial 0x1021, start 0;
 * check value of "123456789" is 0x31c3). Only what stands between the first `{` and the next `}` counts, when not empty.
 */
export const SLOT_COUNT = 16384;

const table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  table[byte] = crc;
}

export function crc16(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = 0;
  for (let i = start; i < end; i++) {
    crc = ((crc << 8) & 0xffff) ^ (table[((crc >>> 8) ^ (bytes[i] as number)) & 0xff] as number);
  }
  return crc;
}

export function slotOf(bytes: Uint8Array, start = 0, end = bytes.length): number {
  for (let open = start; open < end; open++) {
    if (bytes[open] !== 0x7b) continue;
    for (let close = open + 1; close < end; close++) {
      if (bytes[close] !== 0x7d) continue;
      return close === open + 1 ? crc16(bytes, start, end) % SLOT_COUNT : crc16(bytes, open + 1, close) % SLOT_COUNT;
    }
    break;
  }
  return crc16(bytes, start, end) % SLOT_COUNT;
}

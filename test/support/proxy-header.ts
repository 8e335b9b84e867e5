/** PROXY headers of version 2, right ones and wrong ones. */
import { crc32c } from '../../src/base/crc32c.ts';

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

export interface HeaderParts {
  readonly versionAndCommand?: number;
  readonly family?: number;
  readonly addresses?: readonly number[];
  readonly tlvs?: readonly (readonly [type: number, value: readonly number[]])[];
  /** A checksum that fits is put behind the other fields. */
  readonly checksum?: boolean;
  /** What the header says of its length, where that is not the truth. */
  readonly length?: number;
}

export const V4 = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x18, 0xec];

export function binaryHeader(parts: HeaderParts = {}): Buffer {
  const { versionAndCommand = 0x21, family = 0x11, addresses = V4, tlvs = [], checksum = false } = parts;
  const fields = [...tlvs, ...(checksum ? [[0x03, [0, 0, 0, 0]] as const] : [])];
  const tail = fields.flatMap(([type, value]) => [type, value.length >> 8, value.length & 0xff, ...value]);
  const length = parts.length ?? addresses.length + tail.length;
  const head = [...Buffer.from(SIGNATURE, 'latin1'), versionAndCommand, family, length >> 8, length & 0xff];
  const header = Buffer.from([...head, ...addresses, ...tail]);
  if (checksum) header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

/** IPv4 alone, as four numbers. */
export function binaryHeaderFrom(address: string, port: number): Buffer {
  const words = address.split('.').map(Number);
  return binaryHeader({ addresses: [...words, 127, 0, 0, 1, port >> 8, port & 0xff, 0, 80], checksum: true });
}

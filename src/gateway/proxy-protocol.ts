/**
 * The PROXY protocol of HAProxy's specification, versions 1 and 2: the header with which a load balancer says for whom it
 * connects. Pure: bytes in, a verdict out. Whoever reads a socket asks again with more bytes until the verdict is one.
 *
 * ```
 *   1:  PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380\r\n                             107 bytes at the most
 *   2:  signature(12) version|command(1) family|protocol(1) length(2) addresses TLVs
 * ```
 *
 * Strict, because what is lenient here lets two programs read one header differently: one spelling of every address and
 * port, one blank between words, lengths that fit to the byte. Lengths are checked before anything waits for them.
 */
import { addressOfBytes, type ParsedAddress, parseAddress } from '../base/cidr.ts';
import { crc32c } from '../base/crc32c.ts';
import { PROXY_HEADER_BYTES_MAX, PROXY_LINE_BYTES_MAX } from '../base/limits.ts';

export interface ProxySource {
  readonly address: ParsedAddress;
  readonly port: number;
}

export type ProxyHeader =
  /** What has come may still become a header. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'wrong'; readonly why: string }
  /** `source` undefined: the balancer speaks for itself, as in a health check, or does not know for whom. */
  | { readonly kind: 'whole'; readonly bytes: number; readonly source: ProxySource | undefined };

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };

function wrong(why: string): ProxyHeader {
  return { kind: 'wrong', why };
}

const LINE_START = new Uint8Array([0x50, 0x52, 0x4f, 0x58, 0x59, 0x20]);
const SIGNATURE = new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const CR = 0x0d;
const LF = 0x0a;

/** @param bytes everything that has come so far, whatever follows the header included */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (bytes.length === 0) return INCOMPLETE;
  const start = bytes[0] === LINE_START[0] ? LINE_START : SIGNATURE;
  for (let at = 0; at < start.length; at++) {
    if (at === bytes.length) return INCOMPLETE;
    if (bytes[at] !== start[at]) return wrong('no PROXY header');
  }
  return start === LINE_START ? readLine(bytes) : readBinary(bytes);
}

// -- Version 1 ---------------------------------------------------------------------------------------------------------

function readLine(bytes: Uint8Array): ProxyHeader {
  const limit = Math.min(bytes.length, PROXY_LINE_BYTES_MAX);
  let end = LINE_START.length;
  while (end < limit && bytes[end] !== CR && bytes[end] !== LF) end++;
  if (end + 1 >= PROXY_LINE_BYTES_MAX) return wrong('a line without an end');
  if (end === limit) return INCOMPLETE;
  if (bytes[end] === LF) return wrong('a line that ends without a carriage return');
  if (end + 1 === bytes.length) return INCOMPLETE;
  if (bytes[end + 1] !== LF) return wrong('a carriage return within the line');
  return readWords(text(bytes.subarray(LINE_START.length, end)), end + 2);
}

/** A character per byte, so that nothing outside ASCII passes for a digit. */
function text(bytes: Uint8Array): string {
  return String.fromCharCode.apply(undefined, Array.from(bytes));
}

const PORT = /^(?:0|[1-9][0-9]{0,4})$/;

function portOf(word: string): number {
  const port = PORT.test(word) ? Number(word) : Number.NaN;
  return port <= 0xffff ? port : Number.NaN;
}

function addressOf(word: string, isV4: boolean): ParsedAddress | undefined {
  // A zone names an interface of the balancer, which means nothing here.
  if (word.includes('%') || word.includes(':') === isV4) return undefined;
  return parseAddress(word);
}

function readWords(line: string, bytes: number): ProxyHeader {
  const words = line.split(' ');
  const family = words[0];
  // Whatever follows is to be passed over.
  if (family === 'UNKNOWN') return { kind: 'whole', bytes, source: undefined };
  if (family !== 'TCP4' && family !== 'TCP6') return wrong('neither TCP4 nor TCP6 nor UNKNOWN');
  if (words.length !== 5) return wrong('not two addresses and two ports with one blank between them');
  const address = addressOf(words[1] ?? '', family === 'TCP4');
  const destination = addressOf(words[2] ?? '', family === 'TCP4');
  if (address === undefined || destination === undefined) return wrong(`an address that is none of ${family}`);
  const port = portOf(words[3] ?? '');
  if (Number.isNaN(port) || Number.isNaN(portOf(words[4] ?? ''))) return wrong('a port that is none');
  return { kind: 'whole', bytes, source: { address, port } };
}

// -- Version 2 ---------------------------------------------------------------------------------------------------------

const FIXED_BYTES = 16;
const VERSION_2 = 0x20;
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
/** Bytes that the addresses of a family take: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
const FAMILY_V4 = 1;
const FAMILY_V6 = 2;
const STREAM = 1;
const TLV_CRC32C = 0x03;
const CRC_BYTES = 4;

function readBinary(bytes: Uint8Array): ProxyHeader {
  const mark = bytes[12];
  if (mark === undefined) return INCOMPLETE;
  const command = mark & 0x0f;
  if ((mark & 0xf0) !== VERSION_2) return wrong('another version than 2');
  if (command > COMMAND_PROXY) return wrong('a command that is none');
  if (bytes.length < FIXED_BYTES) return INCOMPLETE;
  const length = FIXED_BYTES + (((bytes[14] as number) << 8) | (bytes[15] as number));
  if (length > PROXY_HEADER_BYTES_MAX) return wrong(`a header of more than ${PROXY_HEADER_BYTES_MAX} bytes`);
  const family = (bytes[13] as number) >>> 4;
  const transport = (bytes[13] as number) & 0x0f;
  if (command === COMMAND_PROXY) {
    const why = faultOfFamily(family, transport, length);
    if (why !== undefined) return wrong(why);
  }
  if (bytes.length < length) return INCOMPLETE;
  // Of what the balancer says of its own connections even the family is to be passed over.
  if (command === COMMAND_LOCAL || family === 0) return { kind: 'whole', bytes: length, source: undefined };
  const header = bytes.subarray(0, length);
  const why = faultOfTlvs(header, FIXED_BYTES + (ADDRESS_BYTES[family] as number));
  if (why !== undefined) return wrong(why);
  return { kind: 'whole', bytes: length, source: sourceOf(header, family) };
}

function faultOfFamily(family: number, transport: number, length: number): string | undefined {
  const addressBytes = ADDRESS_BYTES[family];
  if (addressBytes === undefined) return 'a family of addresses that is none';
  if (family !== 0 && transport !== STREAM) return 'datagrams over a stream';
  if (length < FIXED_BYTES + addressBytes) return 'shorter than its addresses';
  return undefined;
}

function sourceOf(header: Uint8Array, family: number): ProxySource | undefined {
  const portAt = (at: number) => ((header[at] as number) << 8) | (header[at + 1] as number);
  if (family === FAMILY_V4) return { address: addressOfBytes(header.subarray(16, 20)), port: portAt(24) };
  if (family === FAMILY_V6) return { address: addressOfBytes(header.subarray(16, 32)), port: portAt(48) };
  return undefined;
}

/** They are passed over, but must fit, and a checksum among them must be right. */
function faultOfTlvs(header: Uint8Array, from: number): string | undefined {
  let at = from;
  let crcAt = 0;
  while (at < header.length) {
    if (at + 3 > header.length) return 'a field that is cut off';
    const length = ((header[at + 1] as number) << 8) | (header[at + 2] as number);
    const value = at + 3;
    if (value + length > header.length) return 'a field longer than the header';
    if (header[at] === TLV_CRC32C) {
      if (length !== CRC_BYTES || crcAt !== 0) return 'a checksum that is none';
      crcAt = value;
    }
    at = value + length;
  }
  return crcAt === 0 || isRight(header, crcAt) ? undefined : 'a checksum that does not fit';
}

/** The sum is of the header with zeros in its own place. */
function isRight(header: Uint8Array, at: number): boolean {
  const stated = new DataView(header.buffer, header.byteOffset).getUint32(at);
  const blank = new Uint8Array(header);
  blank.fill(0, at, at + CRC_BYTES);
  return crc32c(blank) === stated;
}

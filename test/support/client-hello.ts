/** First messages of TLS, built by hand: no library still offers what is to be refused, nor says what it was asked to take. */
import { randomBytes } from 'node:crypto';
import net from 'node:net';

const HANDSHAKE = 0x16;
const SERVER_HELLO = 2;
const KEY_SHARE = 51;
const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;
const AES_128_GCM_SHA256 = 0x1301;

/** Numbers of IANA's registry. */
export const GROUPS = { X25519MLKEM768: 0x11ec, X25519: 0x001d, 'P-256': 0x0017, 'P-384': 0x0018 } as const;
export type Group = keyof typeof GROUPS;

/** A vector of TLS: its length in so many bytes, then itself. */
function vector(lengthBytes: 1 | 2 | 3, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i);
  return bytes;
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([uint16(type), vector(2, content)]);
}

/**
 * A first message of RFC 5246. It names the curves and signatures of today, so that the version or the suites alone decide.
 * @param more extensions
 */
export function clientHello(
  version: number,
  suites: readonly number[],
  groups: readonly number[] = [GROUPS.X25519, GROUPS['P-256']],
  more: readonly Buffer[] = [],
): Buffer {
  const extensions = Buffer.concat([
    extension(10, vector(2, uint16(...groups))),
    extension(11, vector(1, Buffer.from([0]))),
    extension(13, vector(2, uint16(0x0403, 0x0804, 0x0401, 0x0203, 0x0201))),
    ...more,
  ]);
  const body = Buffer.concat([
    uint16(version),
    randomBytes(32),
    vector(1, Buffer.alloc(0)),
    vector(2, uint16(...suites)),
    vector(1, Buffer.from([0])),
    vector(2, extensions),
  ]);
  const message = Buffer.concat([Buffer.from([1]), vector(3, body)]);
  return Buffer.concat([Buffer.from([HANDSHAKE]), uint16(Math.min(version, 0x0301)), vector(2, message)]);
}

/**
 * Which of these groups a server of TLS 1.3 takes. The client brings a share of X25519 or of none, so that a server that
 * wants another one has to name it (RFC 8446, 4.1.4).
 */
export function groupTaken(port: number, groups: readonly Group[], share?: 'X25519'): Promise<Group | 'none'> {
  const versions = extension(43, vector(1, uint16(TLS_1_3)));
  // Any 32 bytes are a key of X25519.
  const shared = share === undefined ? [] : [uint16(GROUPS[share]), vector(2, randomBytes(32))];
  const shares = extension(KEY_SHARE, vector(2, Buffer.concat(shared)));
  const offered = groups.map((group) => GROUPS[group]);
  const hello = clientHello(TLS_1_2, [AES_128_GCM_SHA256], offered, [versions, shares]);
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(hello));
    socket.once('data', (record: Buffer) => {
      const number = record[0] === HANDSHAKE && record[5] === SERVER_HELLO ? groupIn(record) : undefined;
      resolve(groups.find((group) => GROUPS[group] === number) ?? 'none');
      socket.destroy();
    });
    socket.once('error', () => resolve('none'));
    socket.once('close', () => resolve('none'));
  });
}

/** What the first message of a server says of the exchange of keys. */
function groupIn(record: Buffer): number | undefined {
  // Behind the headers of record and message: the version, 32 random bytes, the session's name, a suite, no compression.
  const session = 9 + 2 + 32;
  let at = session + 1 + record.readUInt8(session) + 2 + 1;
  const end = at + 2 + record.readUInt16BE(at);
  at += 2;
  while (at + 4 <= end) {
    const [type, length] = [record.readUInt16BE(at), record.readUInt16BE(at + 2)];
    if (type === KEY_SHARE) return record.readUInt16BE(at + 4);
    at += 4 + length;
  }
  return undefined;
}

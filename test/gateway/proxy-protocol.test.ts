import { expect, test } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { PROXY_HEADER_BYTES_MAX } from '../../src/base/limits.ts';
import { readProxyHeader } from '../../src/gateway/proxy-protocol.ts';
import { binaryHeader, type HeaderParts, V4 } from '../support/proxy-header.ts';

const REQUEST = '*1\r\n$4\r\nPING\r\n';

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The verdict in a few words; a header must come to it wherever it is cut, and never need a byte behind it. */
function verdict(header: Buffer): string {
  const read = (some: Uint8Array) => {
    const found = readProxyHeader(some);
    if (found.kind === 'incomplete') return 'incomplete';
    if (found.kind === 'wrong') return `wrong: ${found.why}`;
    const { source } = found;
    const from = source === undefined ? 'itself' : `${source.address} ${source.port}`;
    return `${from}, ${found.bytes} bytes`;
  };
  const whole = read(header);
  for (let length = 0; length < header.length; length++) {
    const cut = read(header.subarray(0, length));
    if (cut !== 'incomplete') expect([cut, length]).toEqual([whole, length]);
  }
  if (whole !== 'incomplete') expect(read(Buffer.concat([header, bytes(REQUEST)]))).toBe(whole);
  return whole;
}

function line(text: string): string {
  return verdict(bytes(`${text}\r\n`));
}

test('a line says for whom a balancer connects', () => {
  expect(line('PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380')).toBe('192.0.2.1 56324, 46 bytes');
  expect(line('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535')).toBe('255.255.255.255 65535, 56 bytes');
  expect(line('PROXY TCP6 2001:DB8::1 ::1 0 1')).toBe('2001:db8::1 0, 32 bytes');
  const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  expect(line(`PROXY TCP6 ${longest} ${longest} 65535 65535`)).toBe(`${longest} 65535, 104 bytes`);
});

test('an IPv4 address in the form of IPv6 is the IPv4 address', () => {
  expect(line('PROXY TCP6 ::ffff:10.1.2.3 ::1 1 2')).toBe('10.1.2.3 1, 36 bytes');
});

test('a balancer that does not know for whom speaks for itself', () => {
  expect(line('PROXY UNKNOWN')).toBe('itself, 15 bytes');
  expect(line(`PROXY UNKNOWN ${'f'.repeat(91)}`)).toBe('itself, 107 bytes');
  expect(line('PROXY UNKNOWN TCP4 1.2.3.4')).toBe('itself, 28 bytes');
});

test.each([
  'PROXY TCP4 192.0.2.1 198.51.100.7 56324',
  'PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380 ',
  'PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380 x',
  'PROXY TCP4  192.0.2.1 198.51.100.7 56324 6380',
  'PROXY TCP4\t192.0.2.1 198.51.100.7 56324 6380',
  'PROXY  TCP4 192.0.2.1 198.51.100.7 56324 6380',
  'PROXY TCP4 192.0.2.01 198.51.100.7 56324 6380',
  'PROXY TCP4 192.0.2 198.51.100.7 56324 6380',
  'PROXY TCP4 0x7f000001 198.51.100.7 56324 6380',
  'PROXY TCP4 192.0.2.256 198.51.100.7 56324 6380',
  'PROXY TCP4 ::ffff:192.0.2.1 198.51.100.7 56324 6380',
  'PROXY TCP4 192.0.2.1 ::1 56324 6380',
  'PROXY TCP6 192.0.2.1 ::1 56324 6380',
  'PROXY TCP6 fe80::1%eth0 ::1 56324 6380',
  'PROXY TCP6 1:2 ::1 56324 6380',
  'PROXY TCP4 192.0.2.1 198.51.100.7 056324 6380',
  'PROXY TCP4 192.0.2.1 198.51.100.7 65536 6380',
  'PROXY TCP4 192.0.2.1 198.51.100.7 -1 6380',
  'PROXY TCP4 192.0.2.1 198.51.100.7 +1 6380',
  'PROXY TCP4 192.0.2.1 198.51.100.7 1e3 6380',
  'PROXY TCP4 192.0.2.1 198.51.100.7 56324 ',
  'PROXY TCP4 192.0.2.1\0 198.51.100.7 56324 6380',
  'PROXY TCP4 １92.0.2.1 198.51.100.7 56324 6380',
  'PROXY tcp4 192.0.2.1 198.51.100.7 56324 6380',
  'proxy TCP4 192.0.2.1 198.51.100.7 56324 6380',
  'PROXY UDP4 192.0.2.1 198.51.100.7 56324 6380',
  'PROXY UNKNOWNS',
  'PROXY ',
  'PROXY',
])('%j is no header', (text) => {
  expect(line(text)).toMatch(/^wrong: /);
});

test('a line ends with both of its characters, and within 107 bytes', () => {
  expect(verdict(bytes('PROXY UNKNOWN\n'))).toMatch(/^wrong: /);
  expect(verdict(bytes('PROXY UNKNOWN\rx\n'))).toMatch(/^wrong: /);
  expect(verdict(bytes(`PROXY UNKNOWN ${'f'.repeat(92)}\r\n`))).toMatch(/^wrong: a line without an end/);
  expect(verdict(bytes(`PROXY UNKNOWN ${'f'.repeat(500)}`))).toMatch(/^wrong: a line without an end/);
});

test.each([REQUEST, 'PING\r\n', '\x16\x03\x01\x02\x00', 'GET / HTTP/1.1\r\n', '\r\n\r\n\0\r\nQUIX\n'])(
  '%j is known for none before it is whole',
  (text) => {
    expect(verdict(bytes(text))).toBe('wrong: no PROXY header');
  },
);

test('the binary form says it for IPv4 and IPv6', () => {
  expect(verdict(binaryHeader())).toBe('192.0.2.1 56324, 28 bytes');
  const v6 = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, ...Array(16).fill(0), 0xff, 0xff, 0, 80];
  expect(verdict(binaryHeader({ family: 0x21, addresses: v6 }))).toBe('2001:db8::1 65535, 52 bytes');
  const mapped = [...Array(10).fill(0), 0xff, 0xff, 10, 1, 2, 3, ...Array(16).fill(0), 0, 1, 0, 2];
  expect(verdict(binaryHeader({ family: 0x21, addresses: mapped }))).toBe('10.1.2.3 1, 52 bytes');
});

test('a balancer on its own account, without a family, or before a Unix socket speaks for itself', () => {
  expect(verdict(binaryHeader({ versionAndCommand: 0x20, family: 0, addresses: [] }))).toBe('itself, 16 bytes');
  expect(verdict(binaryHeader({ versionAndCommand: 0x20 }))).toBe('itself, 28 bytes');
  expect(verdict(binaryHeader({ versionAndCommand: 0x20, family: 0xff, addresses: [1] }))).toBe('itself, 17 bytes');
  expect(verdict(binaryHeader({ family: 0, addresses: [] }))).toBe('itself, 16 bytes');
  expect(verdict(binaryHeader({ family: 0x31, addresses: Array(216).fill(7) }))).toBe('itself, 232 bytes');
});

test('fields are passed over, and a checksum among them is looked at', () => {
  const tlvs = [[0x01, [104, 50]] as const, [0x04, []] as const, [0xea, Array(1000).fill(0xff)] as const];
  expect(verdict(binaryHeader({ tlvs }))).toBe('192.0.2.1 56324, 1039 bytes');
  expect(verdict(binaryHeader({ tlvs, checksum: true }))).toBe('192.0.2.1 56324, 1046 bytes');
  const damaged = binaryHeader({ tlvs, checksum: true });
  damaged[16] = 193;
  expect(verdict(damaged)).toBe('wrong: a checksum that does not fit');
});

test('the checksum is that of the Castagnoli polynomial', () => {
  expect(crc32c(bytes('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});

test.each<[string, HeaderParts]>([
  ['version 1 in binary', { versionAndCommand: 0x11 }],
  ['version 3', { versionAndCommand: 0x31 }],
  ['a command beyond PROXY', { versionAndCommand: 0x22 }],
  ['a family beyond Unix', { family: 0x41 }],
  ['datagrams', { family: 0x12 }],
  ['no transport', { family: 0x10 }],
  ['half an address', { addresses: V4.slice(0, 11) }],
  ['IPv4 addresses for IPv6', { family: 0x21 }],
  ['a field without a length', { addresses: [...V4, 1, 0] }],
  ['a field longer than the header', { addresses: [...V4, 1, 0, 2, 7] }],
  ['a checksum of three bytes', { tlvs: [[0x03, [1, 2, 3]]] }],
  ['a checksum of zeros', { tlvs: [[0x03, [0, 0, 0, 0]]] }],
  ['two checksums', { tlvs: [[0x03, [0, 0, 0, 0]]], checksum: true }],
  ['more than a header may hold', { length: 0xffff }],
  ['one byte more', { length: PROXY_HEADER_BYTES_MAX - 15 }],
])('%s is wrong', (_, parts) => {
  expect(verdict(binaryHeader(parts))).toMatch(/^wrong: /);
});

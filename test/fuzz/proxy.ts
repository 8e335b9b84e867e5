/** The reader of PROXY headers: one verdict for every input, however much of it has come, and within its bounds. */
import fc from 'fast-check';
import { PROXY_HEADER_BYTES_MAX, PROXY_LINE_BYTES_MAX } from '../../src/base/limits.ts';
import { type ProxyHeader, readProxyHeader } from '../../src/gateway/proxy-protocol.ts';
import { binaryHeader } from '../support/proxy-header.ts';
import { bytesOf, type Target } from './target.ts';

function shown(header: ProxyHeader): string {
  if (header.kind === 'incomplete') return 'incomplete';
  if (header.kind === 'wrong') return `wrong: ${header.why}`;
  return `${header.bytes} ${header.source?.address} ${header.source?.port}`;
}

const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::ffff:1.2.3.4', '01.2.3.4', '1.2.3', '::1%lo', ''));
const port = fc.oneof(fc.nat(70_000).map(String), fc.constantFrom('', '00', '+1', '65535', '65536'));
const line = fc
  .tuple(fc.constantFrom('TCP4', 'TCP6', 'UNKNOWN', 'UDP4'), address, address, port, port)
  .map((words) => bytesOf(`PROXY ${words.join(' ')}\r\n`));
const tlv = fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 0x20, 0xea), fc.array(fc.nat(255), { maxLength: 40 }));
const binary = fc
  .record({
    versionAndCommand: fc.constantFrom(0x20, 0x21, 0x21, 0x21, 0x22, 0x11),
    family: fc.constantFrom(0x11, 0x21, 0x31, 0x00, 0x12, 0x41),
    addresses: fc
      .constantFrom(0, 12, 12, 36, 36, 216)
      .chain((length) => fc.array(fc.nat(255), { minLength: length, maxLength: length })),
    tlvs: fc.array(tlv, { maxLength: 4 }),
    checksum: fc.boolean(),
  })
  .map((parts) => binaryHeader(parts));

export const proxyTarget: Target = {
  name: 'proxy',
  share: 4,
  seeds: [
    bytesOf('PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380\r\n*1\r\n$4\r\nPING\r\n'),
    bytesOf('PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 1 65535\r\n'),
    bytesOf('PROXY UNKNOWN ffff:ffff 1\r\n\x16\x03\x01'),
    binaryHeader(),
    binaryHeader({ checksum: true, tlvs: [[0xea, [1, 2, 3]]] }),
    binaryHeader({ family: 0x31, addresses: Array(216).fill(1) }),
    binaryHeader({ versionAndCommand: 0x20, family: 0, addresses: [] }),
  ],
  dictionary: [
    'PROXY ',
    'TCP4',
    'TCP6',
    'UNKNOWN',
    '\r\n',
    ' ',
    '65536',
    '::',
    '\r\n\r\n\0\r\nQUIT\n',
    '\x21\x11',
    '\xff\xff',
    '\x03\x00\x04',
  ].map(bytesOf),
  shaped: fc.oneof(line, binary),
  run(input, prng) {
    const whole = readProxyHeader(input);
    const cut = readProxyHeader(input.subarray(0, prng.below(input.length + 1)));
    if (cut.kind !== 'incomplete' && shown(cut) !== shown(whole)) {
      throw new Error(`cut it is ${shown(cut)}, whole ${shown(whole)}`);
    }
    if (whole.kind === 'incomplete' && input.length >= PROXY_HEADER_BYTES_MAX) throw new Error('more is waited for');
    if (whole.kind !== 'whole') return;
    const bound = input[0] === 0x50 ? PROXY_LINE_BYTES_MAX : PROXY_HEADER_BYTES_MAX;
    if (whole.bytes > bound || whole.bytes > input.length) throw new Error(`a header of ${whole.bytes} bytes`);
    const alone = readProxyHeader(input.subarray(0, whole.bytes));
    if (shown(alone) !== shown(whole)) throw new Error('it depends on what comes behind it');
    const { source } = whole;
    if (source !== undefined && !(source.port >= 0 && source.port <= 0xffff)) throw new Error(`port ${source.port}`);
  },
};

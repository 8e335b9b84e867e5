/** Which exchange of keys a listener takes, with the TLS library that these tests themselves run on. */
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tlsOptions } from '../../src/gateway/tls.ts';
import { Authority, SERVER } from '../support/certificates.ts';
import { type Group, groupTaken } from '../support/client-hello.ts';

function hasHybrid(): boolean {
  try {
    tls.createSecureContext({ ecdhCurve: 'X25519MLKEM768' });
    return true;
  } catch {
    return false;
  }
}

const isHybrid = hasHybrid();
const best: Group = isHybrid ? 'X25519MLKEM768' : 'X25519';
const library = `OpenSSL ${process.versions.openssl}, which has ${isHybrid ? '' : 'no '}X25519MLKEM768`;

describe(`a listener on ${library}`, () => {
  let server: tls.Server;
  let port: number;

  beforeAll(async () => {
    const { certificate, key } = await (await Authority.make()).sign({ purpose: SERVER });
    server = tls.createServer(tlsOptions({ certificate, key, profile: 'intermediate' }));
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(() => {
    server.close();
  });

  it(`takes ${best} from a client that offers all`, async () => {
    expect(await groupTaken(port, ['P-384', 'P-256', 'X25519', 'X25519MLKEM768'])).toBe(best);
  });

  it.each(['X25519', 'P-256', 'P-384'] as const)('takes %s from a client that has nothing else', async (group) => {
    expect(await groupTaken(port, [group])).toBe(group);
  });
});

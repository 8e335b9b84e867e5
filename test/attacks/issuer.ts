/** An issuer of tokens as attacks need it: keys, tokens with anything in them, and a server of keys that may misbehave. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { ensureFirstStart } from '../../src/app/first-start.ts';

export const ISSUER = 'https://idp.example';
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

export class TokenIssuer {
  pair: Pair;
  keyId: string;
  jwks: string;

  private constructor(pair: Pair, keyId: string, jwks: string) {
    this.pair = pair;
    this.keyId = keyId;
    this.jwks = jwks;
  }

  static async make(keyId = 'k1', algorithm = 'ES256'): Promise<TokenIssuer> {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: keyId, alg: algorithm, use: 'sig' };
    return new TokenIssuer(pair, keyId, JSON.stringify({ keys: [jwk] }));
  }

  sign(claims: object = {}, header: object = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: ISSUER, aud: 'redis', sub: 'alice', iat: now, exp: now + 300, roles: ['reader'], ...claims };
    const head = { alg: 'ES256', typ: 'at+jwt', kid: this.keyId, ...header };
    return new SignJWT(all).setProtectedHeader(head).sign(this.pair.privateKey);
  }
}

export class KeyServer {
  asked = 0;
  answer: (response: ServerResponse) => void;
  readonly ca: string;
  private readonly server: Server;

  private constructor(server: Server, ca: string, answer: (response: ServerResponse) => void) {
    this.server = server;
    this.ca = ca;
    this.answer = answer;
    server.on('request', (_request, response) => {
      this.asked++;
      this.answer(response);
    });
  }

  static async start(answer: (response: ServerResponse) => void): Promise<KeyServer> {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-keys-'));
    const made = await ensureFirstStart(folder);
    if (!made.ok) throw new Error(made.fault);
    const { certPath, keyPath, caPath } = made.value.certificates;
    const server = createServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
    const ca = readFileSync(caPath, 'utf8');
    rmSync(folder, { recursive: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new KeyServer(server, ca, answer);
  }

  get url(): string {
    return `https://localhost:${(this.server.address() as AddressInfo).port}/keys`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/**
 * Asks an issuer for its keys, over TLS that is verified, of addresses that may be asked. The address that is checked is
 * the one that is connected to, so a name that resolves differently the second time leads nowhere; redirects are not
 * followed; size and time are bounded while the answer comes.
 */
import { lookup } from 'node:dns/promises';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { parseAddress } from '../base/cidr.ts';
import { JWKS_BYTES_MAX, JWKS_FETCH_MS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { KeySource } from './terms.ts';

type Source = Extract<KeySource, { kind: 'url' }>;

const OK = 200;
const PORT = 443;

/** The fault is for people: no part of the answer stands in it. */
export async function fetchJwks(source: Source): Promise<Result<string>> {
  const url = new URL(source.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const deadline_ms = performance.now() + JWKS_FETCH_MS_MAX;
  const address = await within(deadline_ms, addressOf(host, source));
  return address.ok ? within(deadline_ms, get(url, host, address.value, source.ca, deadline_ms)) : address;
}

/** Names that take their time to resolve must not hold anybody up. */
function within<Value>(deadline_ms: number, work: Promise<Result<Value>>): Promise<Result<Value>> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(failure('took too long')), Math.max(0, deadline_ms - performance.now()));
    void work
      .catch(() => failure('cannot be asked'))
      .then((result) => {
        clearTimeout(timer);
        resolve(result);
      });
  });
}

async function addressOf(host: string, { privateAddresses }: Source): Promise<Result<string>> {
  let found: readonly string[];
  try {
    found = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
  } catch {
    return failure('its name cannot be resolved');
  }
  const fit = found.find((text) => {
    const address = parseAddress(text);
    return address !== undefined && (isPublic(text) || privateAddresses?.allows(address) === true);
  });
  return fit === undefined ? failure('it has no address that may be asked') : success(fit);
}

function isPublic(text: string): boolean {
  try {
    return ipaddr.process(text).range() === 'unicast';
  } catch {
    return false;
  }
}

function get(url: URL, host: string, address: string, ca: string | undefined, end_ms: number): Promise<Result<string>> {
  return new Promise((resolve) => {
    const family = isIP(address);
    const pinned: LookupFunction = (_name, options, callback) => {
      if (options.all === true) callback(null, [{ address, family }]);
      else callback(null, address, family);
    };
    const request = https.request({
      host,
      port: url.port === '' ? PORT : Number(url.port),
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { accept: 'application/json, application/jwk-set+json', 'accept-encoding': 'identity' },
      lookup: pinned,
      agent: false,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
    });
    const end = (result: Result<string>) => {
      clearTimeout(timer);
      resolve(result);
      request.destroy();
    };
    const timer = setTimeout(() => end(failure('took too long')), Math.max(0, end_ms - performance.now()));
    request.on('error', (error) => end(failure(reasonOf(error))));
    request.on('response', (response) => {
      if (response.statusCode !== OK) return end(failure(`answered with status ${response.statusCode ?? 0}`));
      const pieces: Buffer[] = [];
      let length = 0;
      response.on('data', (piece: Buffer) => {
        length += piece.length;
        if (length > JWKS_BYTES_MAX) end(failure(`sent more than ${JWKS_BYTES_MAX} bytes`));
        else pieces.push(piece);
      });
      response.on('error', (error: Error) => end(failure(reasonOf(error))));
      response.on('aborted', () => end(failure('broke off')));
      response.on('end', () => end(success(Buffer.concat(pieces).toString('utf8'))));
    });
    request.end();
  });
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`: the words of the peer are not repeated. */
function reasonOf(error: Error): string {
  return 'code' in error ? `cannot be asked: ${String(error.code)}` : 'cannot be asked';
}

/**
 * Cost of an address against an allowlist, and of a command and its bytes against a rate: ns each.
 *
 *   bun bench/cidr.ts        node bench/cidr.ts
 */
import { Allowlist, type ParsedAddress, parseAddress } from '../src/base/cidr.ts';
import { Prng } from '../src/base/prng.ts';
import { TokenBucket } from '../src/tenancy/rate.ts';
import { fastest } from './lib/fastest.ts';

const chance = new Prng(1);
const byte = (): number => chance.below(256);

function networks(count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? `10.${byte()}.${byte()}.0/24` : `2001:db8:${byte().toString(16)}:${byte().toString(16)}::/64`,
  );
}

function addresses(count: number): ParsedAddress[] {
  return Array.from({ length: count }, () => {
    const parsed = parseAddress(`10.${byte()}.${byte()}.${byte()}`);
    if (parsed === undefined) throw new Error('no address');
    return parsed;
  });
}

function tell(name: string, took_ns: number, budget_ns: number): void {
  console.log(`${name.padEnd(34)} ${took_ns.toFixed(1).padStart(7)} ns   budget ${budget_ns}`);
}

for (const count of [10, 1000, 10_000]) {
  const made = Allowlist.parse(networks(count));
  if (!made.ok) throw new Error('the rules are wrong');
  const asked = addresses(1024);
  let i = 0;
  const took_ns = fastest(() => (made.value.allows(asked[i++ & 1023] as ParsedAddress) ? 1 : 0));
  tell(`an address among ${count} networks`, took_ns, 200);
}

const bucket = new TokenBucket(1e9, 0);
let now_ms = 0;
const take_ns = fastest(() => {
  now_ms += 0.001;
  return bucket.take(1, now_ms) ? 1 : 0;
});
tell('a command against a rate', take_ns, 10);
const spend_ns = fastest(() => {
  now_ms += 0.001;
  bucket.spend(100, now_ms);
  return bucket.delay_ms(now_ms);
});
tell('bytes against a rate', spend_ns, 20);

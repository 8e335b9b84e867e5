/**
 * `proxy_protocol` of a listener: from which addresses a PROXY header is believed. A list that holds everybody, or nobody,
 * is a fault: the first lets anyone choose the address they are judged by, the second is a listener for no one.
 */
import { z } from 'zod';
import { Allowlist } from '../base/cidr.ts';

/** Shorter prefixes trust whole continents: nobody's balancers are spread like that. */
const PREFIX_BITS_MIN = 8;

function faultOf(rule: string): string | undefined {
  const bits = Number(rule.slice(rule.indexOf('/') + 1));
  if (bits >= PREFIX_BITS_MIN) return undefined;
  return `would believe ${bits === 0 ? 'anybody' : 'half the world'}: name the addresses of the balancers`;
}

const trusted = z.array(z.string()).transform((texts, context): Allowlist => {
  const list = Allowlist.parse(texts);
  const complain = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (texts.length === 0) complain([], 'must name the balancers that are believed, such as [10.0.0.5/32]');
  else if (!list.ok) complain([list.fault.index], `${JSON.stringify(texts[list.fault.index])}: ${list.fault.message}`);
  else {
    for (const [index, rule] of list.value.rules.entries()) {
      const fault = faultOf(rule);
      if (fault !== undefined) complain([index], `${JSON.stringify(texts[index])} ${fault}`);
    }
    return list.value;
  }
  return z.NEVER;
});

/** Left out, or with every line of it commented out: the listener speaks no PROXY protocol. */
export const proxyProtocol = z
  .strictObject({ from: trusted })
  .nullish()
  .transform((written): Allowlist | undefined => written?.from);

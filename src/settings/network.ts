import { isIP } from 'node:net';
import type { Network } from '../relay/networks.ts';

/**
 * Addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`; one address alone; or `unix`.
 *
 * @throws {Error} saying what is wrong, to be put behind the name of the setting
 */
export function parseNetwork(text: string): Network {
  if (text === 'unix') return 'unix';
  const [, address = '', prefixText] = /^([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0)
    throw new Error(`"${text}" is no IP address, no network such as 10.0.0.0/8, and not unix`);
  const bits = version === 4 ? 32 : 128;
  if (prefixText === undefined) return { address, prefix: bits };
  const prefix = Number(prefixText);
  if (!/^\d{1,3}$/.test(prefixText) || prefix > bits) {
    throw new Error(`"${text}": the prefix of an IPv${version} network is 0 to ${bits} bits`);
  }
  return { address, prefix };
}

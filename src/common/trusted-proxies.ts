import { BlockList, isIP } from 'node:net';

/** Addresses whose answer is remembered, at most: a proxy has one, and so has whoever connects without one. */
const MAX_REMEMBERED = 1000;

interface Network {
  address: string;
  family: 'ipv4' | 'ipv6';
  bits: number;
}

/** The proxies in front of the service: what they say about a request is believed, and nobody else's word. */
export class TrustedProxies {
  private readonly networks = new BlockList();
  private readonly remembered = new Map<string, boolean>();

  /** `list` has been checked with `isNetworkList`. */
  constructor(list = '') {
    for (const { address, family, bits } of split(list).map((text) => parse(text)!))
      this.networks.addSubnet(address, bits, family);
  }

  /** Whether the other end of a connection is one of them; `address` is that of the socket, never out of a header. */
  includes(address: string | undefined): boolean {
    if (!address) return false;
    const known = this.remembered.get(address);
    return known ?? this.remember(address);
  }

  private remember(address: string): boolean {
    const family = isIP(address);
    const isTrusted = family !== 0 && this.networks.check(address, family === 4 ? 'ipv4' : 'ipv6');
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    this.remembered.set(address, isTrusted);
    return isTrusted;
  }
}

/** IP addresses and networks such as `10.0.0.0/8`, with commas or spaces between; not a network of everybody. */
export function isNetworkList(list: unknown): boolean {
  return typeof list === 'string' && split(list).every((text) => parse(text) !== null);
}

function split(list: string): string[] {
  return list.split(/[\s,]+/).filter((text) => text !== '');
}

function parse(text: string): Network | null {
  const [, address, suffix] = /^([\da-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address ?? '');
  if (!address || version === 0) return null;
  const whole = version === 4 ? 32 : 128;
  const bits = suffix === undefined ? whole : Number(suffix);
  return bits >= 1 && bits <= whole ? { address, family: version === 4 ? 'ipv4' : 'ipv6', bits } : null;
}

import { BlockList, isIP } from 'node:net';

/** How many addresses the cache holds. A proxy has one, and so has every client that connects directly. */
const MAX_REMEMBERED = 1000;

interface Network {
  address: string;
  family: 'ipv4' | 'ipv6';
  bits: number;
}

/** The proxies in front of the service. Only their forwarding headers are trusted. */
export class TrustedProxies {
  private readonly networks = new BlockList();
  private readonly remembered = new Map<string, boolean>();

  /** `list` must satisfy `isNetworkList`. */
  constructor(list = '') {
    for (const { address, family, bits } of split(list).map((text) => parse(text)!))
      this.networks.addSubnet(address, bits, family);
  }

  /** Whether `address` is one of the trusted proxies. It must be the socket's address, never one from a header. */
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

/**
 * Whether a value is a list of IP addresses and networks (`10.0.0.0/8`), separated by commas or spaces. A network of
 * all addresses is not allowed.
 */
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

import net from 'node:net';

/** Addresses that begin alike, or `unix`: whoever connects over a Unix-domain socket. */
export type Network = { readonly address: string; readonly prefix: number } | 'unix';

const MAPPED = /^::ffff:(?=\d+\.)/i;

/** A set of networks. */
export class Networks {
  readonly #addresses = new net.BlockList();
  readonly #unix: boolean;
  readonly #none: boolean;

  constructor(networks: readonly Network[]) {
    this.#unix = networks.includes('unix');
    this.#none = networks.every((network) => network === 'unix');
    for (const network of networks) {
      if (network === 'unix') continue;
      const { address, prefix } = network;
      this.#addresses.addSubnet(address, prefix, net.isIPv6(address) ? 'ipv6' : 'ipv4');
    }
  }

  /** Whether the other end of a connection is in one of them. @param path it came over a Unix-domain socket */
  has(address: string | undefined, path: boolean): boolean {
    if (path) return this.#unix;
    if (this.#none || address === undefined) return false;
    // A listener on :: sees IPv4 clients so; a link-local address has its interface behind it.
    const plain = address.replace(MAPPED, '').replace(/%.*$/, '');
    return this.#addresses.check(plain, net.isIPv6(plain) ? 'ipv6' : 'ipv4');
  }
}

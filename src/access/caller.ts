/** Where a request comes from, as far as it tells. */
export interface Caller {
  /** Whom it counts for in limits: an IPv4 address, or a network of IPv6. */
  client: string;
  /** IP address. */
  address: string;
  /** User-Agent header; null without one. */
  userAgent: string | null;
}

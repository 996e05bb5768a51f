/** Where a request comes from, as far as it tells. */
export interface Caller {
  /** The client that it counts for in limits: an IPv4 address, or a network of IPv6. */
  client: string;
  /** IP address. */
  address: string;
  /** What the program says of itself, such as a browser and its version; null where it says nothing. */
  userAgent: string | null;
}

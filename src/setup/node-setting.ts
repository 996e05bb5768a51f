interface LocalNodeConfig {
  kind: "LOCAL";
  name: string;
  /** The node's folder. */
  directory: string;
}

interface S3NodeConfig {
  kind: "S3";
  name: string;
  bucket: string;
  /** Prefix of every key, without slashes around it; empty for the whole bucket. */
  prefix: string;
  /** Null for AWS's own. */
  endpoint: string | null;
  /** Null where AWS_REGION or the profile says it. */
  region: string | null;
}

export type NodeConfig = LocalNodeConfig | S3NodeConfig;

export const STORAGE_NODES_TAKE =
  "a list such as node1=file:storage/node1,archive=s3://bucket/prefix?endpoint=http://host:port&region=us-east-1, each name and place once";

/** What an endpoint's own stores are called where nobody says it: most take any region, this one always. */
const USUAL_REGION = "us-east-1";

/** @returns undefined where it isn't such a list */
export function parseStorageNodes(text: string): NodeConfig[] | undefined {
  const nodes: NodeConfig[] = [];
  for (const entry of text.split(",")) {
    const [, name, place] = /^([a-z0-9][a-z0-9_-]{0,63})=(.+)$/.exec(entry.trim()) ?? [];
    const node = name === undefined || place === undefined ? undefined : parsePlace(name, place);
    if (node === undefined) return undefined;
    nodes.push(node);
  }
  const distinct = (values: string[]) => new Set(values).size === values.length;
  return distinct(nodes.map(({ name }) => name)) && distinct(nodes.map(placeOf)) ? nodes : undefined;
}

/** Tells a person where a node's bytes lie. Holds no credentials, as none can be set there. */
export function placeOf(node: NodeConfig): string {
  if (node.kind === "LOCAL") return node.directory;
  const { bucket, prefix, endpoint } = node;
  return `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}${endpoint === null ? "" : ` at ${endpoint}`}`;
}

function parsePlace(name: string, place: string): NodeConfig | undefined {
  const directory = /^file:(.+)$/.exec(place)?.[1];
  if (directory !== undefined) return { kind: "LOCAL", name, directory };
  const [, bucket, path = "", query = ""] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(\/[^?#]*)?(?:\?([^#]*))?$/.exec(place) ?? [];
  const prefix = path.replace(/^\/+|\/+$/g, "");
  if (bucket === undefined || !/^[\w./-]*$/.test(prefix) || /(^|\/)(\.{0,2})(\/|$)/.test(prefix || "-")) {
    return undefined;
  }
  const options = new URLSearchParams(query);
  const known = [...options.keys()].every((key) => key === "endpoint" || key === "region");
  const endpoint = parseEndpoint(options.get("endpoint"));
  const region = options.get("region") ?? (endpoint ? USUAL_REGION : null);
  if (!known || endpoint === undefined || !/^[a-z0-9-]+$/i.test(region ?? "-")) return undefined;
  return { kind: "S3", name, bucket, prefix, endpoint, region };
}

function parseEndpoint(text: string | null): string | null | undefined {
  if (text === null) return null;
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, origin, pathname, search, hash } = new URL(text);
  const plain = username + password + search + hash === "" && pathname === "/";
  return plain && (protocol === "http:" || protocol === "https:") ? origin : undefined;
}

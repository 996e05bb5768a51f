import { isIP } from "node:net";
import { z } from "zod";

/** Names that stand for networks (the package proxy-addr). */
const NETWORKS = ["loopback", "linklocal", "uniquelocal"];

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] as number;
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest);
  return NETWORKS.includes(text) || (longest > 0 && fits && more.length === 0);
}

/** Whether the headers of proxies are believed; of which, where not of all. */
export const trustProxy = z
  .string()
  .default("off")
  .transform((text, context): boolean | string[] => {
    if (text === "off" || text === "on") return text === "on";
    const named = text.split(",").map((part) => part.trim());
    if (named.every(isNetwork)) return named;
    const message = `off, on, or addresses and networks such as 10.0.0.0/8, ::1 or ${NETWORKS.join(", ")}, with commas`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** The token of an Authorization header (RFC 6750 section 2.1); undefined when there is none of that form. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? "")?.[1];
}

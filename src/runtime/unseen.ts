/** Control characters, line and paragraph separators, and the overrides that make a text read as another. */
export const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

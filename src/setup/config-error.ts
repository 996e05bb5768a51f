/** A setting that can't be used: one line that names the variable and what it takes, without a value that may be secret. */
export class ConfigError extends Error {}

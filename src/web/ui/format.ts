const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const STEP = 1000;

/** Formats a size, such as `1.07 GB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < STEP ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / STEP ** power;
  const unit = UNITS[power] as string;
  const maximumFractionDigits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const unitDisplay = power === 0 ? "long" : "short";
  return new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay, maximumFractionDigits }).format(value);
}

/** Formats the time left, such as `about 3 min left`. */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s left`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min left`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min left` : `${Math.round(hours / 24)} days left`;
}

export function formatDate(iso: string): string {
  const date = new Date(iso);
  const sameYear = date.getFullYear() === new Date().getFullYear();
  return date.toLocaleDateString("en", { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

export function formatTime(iso: string): string {
  return new Date(iso).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
}

/** The server's messages begin with the name of what they are about. */
export function asSentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** `1 file`, `2 files`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

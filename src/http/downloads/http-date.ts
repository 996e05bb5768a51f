const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY = `(?:${DAYS.map((day) => day.slice(0, 3)).join("|")})`;
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = "(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)";

/** Sun, 06 Nov 1994 08:49:37 GMT */
const IMF_FIXDATE = new RegExp(`^(?<weekday>${DAY}), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`);
/** Sunday, 06-Nov-94 08:49:37 GMT */
const RFC850_DATE = new RegExp(`^(?<weekday>${DAYS.join("|")}), (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`);
/** Sun Nov  6 08:49:37 1994 */
const ASCTIME_DATE = new RegExp(`^(?<weekday>${DAY}) ${MONTH} (?<day>\\d\\d| \\d) ${TIME} (?<year>\\d{4})$`);

/**
 * Reads an HTTP-date in any of the three formats of RFC 9110, section 5.6.7, and in no other; a day that the calendar
 * doesn't have, or that fell on another weekday, isn't a date either.
 * @param now decides the century of a year with two digits
 * @returns milliseconds since the epoch, or undefined where it isn't one
 */
export function parseHttpDate(text: string, now = new Date()): number | undefined {
  const groups = (IMF_FIXDATE.exec(text) ?? RFC850_DATE.exec(text) ?? ASCTIME_DATE.exec(text))?.groups;
  if (groups === undefined) return undefined;
  const { weekday = "", day, month = "", year = "", hour, minute, second } = groups;
  const fullYear = year.length === 2 ? withCentury(Number(year), now) : Number(year);
  const date = new Date(0);
  date.setUTCFullYear(fullYear, MONTHS.indexOf(month), Number(day));
  if (date.getUTCDate() !== Number(day) || !DAYS[date.getUTCDay()]?.startsWith(weekday)) return undefined;
  return date.setUTCHours(Number(hour), Number(minute), Number(second));
}

/** A year that seems to lie more than 50 years ahead is the last past one with these digits. */
function withCentury(year: number, now: Date): number {
  const thisYear = now.getUTCFullYear();
  const guess = thisYear - (thisYear % 100) + year;
  return guess > thisYear + 50 ? guess - 100 : guess;
}

// Numbers in words that people read.

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** @param {number} count bytes; powers of a thousand, as file managers show them */
export function bytes(count) {
  let unit = 0;
  while (count >= 999.5 && unit < UNITS.length - 1) {
    count /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || count >= 99.95 ? 0 : 1;
  return `${count.toFixed(digits)} ${UNITS[unit]}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A share as a percentage, never rounded up to all of it. */
export function percent(part, whole) {
  if (whole <= 0 || part >= whole) return "100 %";
  const tenths = Math.floor((Math.max(part, 0) * 1000) / whole);
  return `${(tenths / 10).toFixed(tenths % 10 ? 1 : 0)} %`;
}

/** @param {number} count */
export function files(count) {
  return count === 1 ? "1 file" : `${count.toLocaleString("en")} files`;
}

// Numbers as people read them. Everything the server says is in base units: seconds, bytes, shares.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const three = (value) => Number(value).toPrecision(3).replace(/\.?0+$/, "");
export const NONE = "–";
const is = (value) => typeof value === "number" && Number.isFinite(value);

// A value in the largest of these units it has at least one of: [number, unit].
const scaled = (value, units) => {
  const [size, unit] = units.find(([size]) => Math.abs(value) >= size) ?? units.at(-1);
  const number = value / size;
  return [Math.abs(number) >= 100 ? whole.format(number) : three(number), unit];
};

// 12,345 stays as it is; 1234567 becomes 1.23 M.
export const countParts = (value) => {
  if (!is(value)) return [NONE, ""];
  if (Math.abs(value) < 100_000) return [Math.abs(value) < 10 && value % 1 ? value.toFixed(1) : whole.format(value), ""];
  return scaled(value, [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]);
};
const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
export const secondsParts = (value) => (is(value) ? (value === 0 ? ["0", "ms"] : scaled(value, SECONDS)) : [NONE, ""]);
const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
export const bytesParts = (value) => (is(value) ? (value === 0 ? ["0", "B"] : scaled(value, BYTES)) : [NONE, ""]);
// 100 % only when it is all, 0 % only when it is nothing.
export const shareParts = (value) => {
  if (!is(value)) return [NONE, ""];
  const percent = value * 100;
  if (percent > 99.9 && percent < 100) return [">99.9", "%"];
  if (percent > 0 && percent < 0.1) return ["<0.1", "%"];
  return [percent.toFixed(percent >= 10 || percent === 0 ? (percent > 99 && percent < 100 ? 1 : 0) : 1), "%"];
};

const text = (parts) => (value) => parts(value).filter(Boolean).join("\u00a0");
export const count = text(countParts);
export const seconds = text(secondsParts);
export const bytes = text(bytesParts);
export const share = text(shareParts);

// How long something has lasted: 4 s, 5 min 12 s, 2 d 4 h.
export const age = (value) => {
  if (!is(value)) return NONE;
  const s = Math.max(0, Math.floor(value));
  const steps = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = steps.findIndex(([size]) => s >= size);
  if (first < 0) return "0 s";
  const [size, unit] = steps[first];
  const rest = steps[first + 1];
  const more = rest ? Math.floor((s % size) / rest[0]) : 0;
  return `${Math.floor(s / size)} ${unit}${more ? ` ${more} ${rest[1]}` : ""}`.replaceAll(" ", "\u00a0");
};

const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
// A moment (Unix seconds) on this machine's clock; with the day unless it is near.
export const clock = (time) => clockOf.format(time * 1000);
export const minute = (time) => minuteOf.format(time * 1000);
export const moment = (time, now) => (is(time) ? (Math.abs(now - time) < 43200 ? clock(time) : dayOf.format(time * 1000)) : NONE);

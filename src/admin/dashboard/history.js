// What the charts show: a sample a second for two minutes, one for ten seconds for half an hour. The
// server keeps the same two rings, so that a page that was just opened shows what was; the page keeps
// its own so that what was before a restart of the server stays.

const NAMES = ["time", "commands", "hits", "errors", "denied", "p50", "p99", "upstream_p99", "hit_ratio"];
const FINE = { step: 1, most: 130 };
const COARSE = { step: 10, most: 190 };

const rows = (columns) => (columns?.time ?? []).map((time, index) => Object.fromEntries(NAMES.map((name) => [name, columns[name]?.[index] ?? null])));

class Ring {
  constructor({ step, most }) {
    Object.assign(this, { step, most, rows: [] });
  }

  // Newer rows after older ones, none twice.
  add(more) {
    for (const row of more) {
      const last = this.rows.at(-1)?.time ?? -Infinity;
      if (row.time > last + this.step / 4) this.rows.push(row);
    }
    this.rows.splice(0, Math.max(this.rows.length - this.most, 0));
  }

  // What the server has replaces what the page has of the same time.
  merge(more) {
    if (more.length === 0) return;
    this.rows = this.rows.filter((row) => row.time < more[0].time - this.step / 4);
    this.add(more);
  }

  // Columns, with a hole wherever more than two steps are missing.
  columns(from) {
    const out = Object.fromEntries(NAMES.map((name) => [name, []]));
    let before = null;
    for (const row of this.rows) {
      if (row.time < from) continue;
      if (before !== null && row.time - before > this.step * 2.5) {
        out.time.push(before + this.step);
        NAMES.slice(1).forEach((name) => out[name].push(null));
      }
      NAMES.forEach((name) => out[name].push(row[name]));
      before = row.time;
    }
    return out;
  }
}

export class History {
  fine = new Ring(FINE);
  coarse = new Ring(COARSE);

  // Both rings of `GET /history`.
  load({ fine, coarse }) {
    this.fine.merge(rows(fine));
    this.coarse.merge(rows(coarse));
  }

  // The samples of one overview: the last second's, and the last ten seconds'.
  add({ now, recent }) {
    if (now) this.fine.add([now]);
    if (recent) this.coarse.add([recent]);
  }

  // What there is of the last `span` seconds up to `until`, as columns. What is not in a step of ten seconds
  // yet is shown by the second: nobody waits ten of them to see that something changes.
  columns(span, until) {
    if (span <= 120) return this.fine.columns(until - span);
    const columns = this.coarse.columns(until - span);
    const after = columns.time.at(-1) ?? 0;
    const newer = this.fine.rows.filter((row) => row.time > after);
    NAMES.forEach((name) => columns[name].push(...newer.map((row) => row[name])));
    return columns;
  }

  // How many seconds there is something of, up to `until`.
  age(until) {
    return until - (this.coarse.rows[0] ?? this.fine.rows[0] ?? { time: until }).time;
  }

  // Only whole steps of ten seconds.
  steps() {
    return this.coarse.columns(0);
  }
}

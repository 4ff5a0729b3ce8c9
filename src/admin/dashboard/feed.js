// Where the figures come from: one overview a second from `/events`. Read with fetch and not with an
// EventSource, which cannot carry a token and does not say why it failed. Where there is no stream to be
// had (too many dashboards, a proxy in between that holds it back) `/overview` is asked instead.

const KEY = "nearside-token";
const SILENCE = 3500; // a stream that says nothing for so long is lost, milliseconds
const FIRST = 1000;
const LONGEST = 10_000;
const POLL = 2000;
const TURNS = 15; // then it looks whether there is a stream

const wait = (ms, signal) => new Promise((done) => {
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    done();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
});

class Wanted extends Error {} // a token
class Refused extends Error {}

export class Feed {
  // on: { history(json), overview(json), lost(why, seconds until the next try), asks(whether the last was wrong) }
  constructor(on) {
    this.on = on;
    this.again = new AbortController();
    ["online", "pageshow"].forEach((name) => addEventListener(name, () => this.hurry()));
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  token(value) {
    sessionStorage.setItem(KEY, value);
    this.hurry();
  }

  // Ends a pause between two tries.
  hurry() {
    this.again.abort();
    this.again = new AbortController();
  }

  async run() {
    for (let pause = FIRST; ;) {
      const began = performance.now();
      try {
        await this.once();
        throw new Error("It has ended the conversation.");
      } catch (error) {
        if (error instanceof Wanted) {
          this.on.asks(sessionStorage.getItem(KEY) !== null);
          await new Promise((done) => this.again.signal.addEventListener("abort", done, { once: true }));
          continue;
        }
        if (performance.now() - began > 5000) pause = FIRST; // it was well for a while
        const ms = pause * (0.75 + Math.random() / 2);
        this.on.lost(error.message, ms / 1000);
        await wait(ms, this.again.signal);
        pause = Math.min(pause * 2, LONGEST);
      }
    }
  }

  // History, then overviews until something breaks.
  async once() {
    const history = await this.get("history");
    this.on.history(await history.json());
    for (;;) {
      const stream = await this.stream();
      if (stream && (await this.read(stream))) return;
      for (let turn = 0; turn < TURNS; turn += 1) {
        const overview = await this.get("overview");
        this.on.overview(await overview.json());
        await wait(POLL, this.again.signal);
      }
    }
  }

  // A stream; nothing where there is no room for one.
  async stream() {
    try {
      return await this.get("events", "text/event-stream");
    } catch (error) {
      if (error instanceof Refused) return null;
      throw error;
    }
  }

  async get(path, accept = "application/json") {
    const token = sessionStorage.getItem(KEY);
    const headers = token ? { accept, authorization: `Bearer ${token}` } : { accept };
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), SILENCE);
    try {
      const answer = await fetch(path, { headers, cache: "no-store", signal: stop.signal });
      if (answer.status === 401) throw new Wanted();
      if (!answer.ok) throw new Refused(`It answers with an error (${answer.status}).`);
      answer.stop = stop;
      return answer;
    } catch (error) {
      if (stop.signal.aborted) throw new Error("It takes too long to answer.");
      throw error instanceof TypeError ? new Error("Nobody listens at its address, or the way there is cut.") : error;
    } finally {
      clearTimeout(timer);
    }
  }

  // Reads events until the stream ends (true), or gives up because nothing ever came (false).
  async read(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let any = false;
    for (;;) {
      const timer = setTimeout(() => answer.stop.abort(), SILENCE);
      let step;
      try {
        step = await reader.read();
      } catch (error) {
        if (answer.stop.signal.aborted && !any) return false;
        throw new Error(answer.stop.signal.aborted ? "It has stopped answering." : "The connection was cut.");
      } finally {
        clearTimeout(timer);
      }
      if (step.done) return true;
      rest += step.value;
      const events = rest.split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
        if (!data) continue;
        any = true;
        this.on.overview(JSON.parse(data));
      }
    }
  }
}

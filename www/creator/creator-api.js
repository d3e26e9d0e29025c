// Talking to the verifier: one request function, one kind of error, the session, the live stream.

// The page says where its session is kept and made: the creator's page and the review page share this file
// and nothing else, not even an origin.
const { session: SESSION_KEY, sessions: SESSIONS } = document.documentElement.dataset;
const REQUEST_TIMEOUT_MS = 20_000;

// What went wrong, in the terms of who can act:
// `network` and `timeout` and `busy` (try again), `signed_out` (sign in), `problem` (read the words).
export class ApiError extends Error {
  constructor(kind, message, facts = {}) {
    super(message);
    this.kind = kind;
    this.status = facts.status ?? 0;
    this.code = facts.code ?? "";
    this.field = facts.field ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
  }

  get canRetry() {
    return this.kind === "network" || this.kind === "timeout" || this.kind === "busy";
  }
}

// The session lives in localStorage so that a second tab and the next day need no new link.
// Where storage is blocked it lives in this tab only.
let sessionHere = null;

export function storedSession() {
  try {
    const text = localStorage.getItem(SESSION_KEY);
    const session = text === null ? null : JSON.parse(text);
    return typeof session?.session === "string" ? session : sessionHere;
  } catch {
    return sessionHere;
  }
}

export function storeSession(session) {
  sessionHere = session;
  try {
    if (session === null) localStorage.removeItem(SESSION_KEY);
    else localStorage.setItem(SESSION_KEY, JSON.stringify(session));
  } catch {
    // Kept in this tab only; the page works the same until it is closed.
  }
}

// Another tab signed in or out.
export function onSessionChange(act) {
  addEventListener("storage", (event) => {
    if (event.key !== SESSION_KEY && event.key !== null) return;
    sessionHere = null;
    act(storedSession());
  });
}

// Called whenever the verifier no longer knows the session, whichever request met it.
let signedOutAct = () => {};

export function whenSignedOut(act) {
  signedOutAct = act;
}

async function send(path, options, session) {
  const headers = { accept: options.accept ?? "application/json" };
  if (session !== null) headers.authorization = `Bearer ${session.session}`;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const signal = options.signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  try {
    return await fetch(path, {
      method: options.method ?? "GET", headers, body, signal,
      cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    if (error.name === "TimeoutError") throw new ApiError("timeout", "The provider did not answer in time.");
    throw new ApiError("network", navigator.onLine
      ? "The provider cannot be reached."
      : "This device is offline.");
  }
}

async function errorOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Something between us and the verifier answered; its words would not help.
  }
  const seconds = Number(response.headers.get("retry-after"));
  const facts = {
    status: response.status, code: problem.code, field: problem.field,
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null,
  };
  if (response.status === 401) return new ApiError("signed_out", problem.detail ?? "You are signed out.", facts);
  if (response.status === 429) return new ApiError("busy", "Too many requests in a short time.", facts);
  if (response.status === 503) return new ApiError("busy", "The provider is busy at the moment.", facts);
  if (response.status >= 500) {
    return new ApiError("busy", problem.code === "outcome_unknown"
      ? "It is not known whether that took effect. Trying again settles it."
      : "The provider had a fault.", facts);
  }
  return new ApiError("problem", problem.detail ?? problem.title ?? `The provider answered ${response.status}.`, facts);
}

// Answers the response of a request that succeeded. When another tab has meanwhile signed in
// anew, the request is made once more with the newer session.
export async function request(path, options = {}) {
  const session = options.signedIn === false ? null : storedSession();
  let response = await send(path, options, session);
  if (response.status === 401 && session !== null) {
    const newer = storedSession();
    if (newer !== null && newer.session !== session.session) response = await send(path, options, newer);
  }
  if (response.ok) return response;
  if (response.status === 401 && session !== null) {
    storeSession(null);
    signedOutAct();
  }
  throw await errorOf(response);
}

export async function requestJson(path, options = {}) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch {
    // The headers came and the body did not, or it is not the verifier's.
    throw new ApiError("network", "The answer was cut off on its way.");
  }
}

export async function requestText(path) {
  const response = await request(path);
  try {
    return await response.text();
  } catch {
    throw new ApiError("network", "The answer was cut off on its way.");
  }
}

// Takes the token out of the address bar before anything else, so that it stays neither in the
// history nor on a screen that somebody photographs.
export function takeToken() {
  const token = tokenOf(location.hash);
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

export function tokenOf(text) {
  const match = /#(?:.*&)?token=([^&\s]+)/.exec(text);
  if (match === null) return null;
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1];
  }
}

export async function signIn(token) {
  const session = await requestJson(SESSIONS, { method: "POST", body: { token }, signedIn: false });
  storeSession({ session: session.session, expires_at: session.expires_at, creator: session.creator?.id ?? null });
  return session;
}

export async function signOut() {
  try {
    await request(SESSIONS, { method: "DELETE" });
  } finally {
    storeSession(null);
  }
}

// Reads a text/event-stream piece by piece (WHATWG HTML §9.2.6): lines end in CR, LF or both, a
// blank line ends an event, lines that begin with a colon only say that the connection lives.
export class EventParser {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = "";
    this.name = "";
    this.data = [];
  }

  feed(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === "") {
      if (this.data.length > 0) this.onEvent(this.name || "message", this.data.join("\n"));
      this.name = "";
      this.data = [];
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
  }
}

// The verifier sends a comment every 15 s; two missed ones mean a dead connection.
const SILENCE_MS_MAX = 40_000;
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
// A browser opens six connections to one origin over HTTP/1.1, and a live stream holds one for
// ever: tabs out of sight give theirs back.
const HIDDEN_MS_MAX = 60_000;

// Keeps the live stream open as long as it can. EventSource cannot send the session, so the
// stream is read with fetch. `on` has `totals(object)` and `state(name)`.
export class LiveTotals {
  constructor(on) {
    this.on = on;
    this.failures = 0;
    this.abort = null;
    this.timer = 0;
    this.hiddenTimer = 0;
    this.isLive = false;
    this.stopped = true;
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.on.state("offline"));
    document.addEventListener("visibilitychange", () => this.visibility());
  }

  start() {
    this.stopped = false;
    this.failures = 0;
    this.connect();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
  }

  hurry() {
    if (this.stopped || this.abort !== null) return;
    this.failures = 0;
    clearTimeout(this.timer);
    this.connect();
  }

  visibility() {
    clearTimeout(this.hiddenTimer);
    if (document.visibilityState === "visible") {
      this.hurry();
      return;
    }
    this.hiddenTimer = setTimeout(() => {
      if (this.stopped) return;
      clearTimeout(this.timer);
      this.abort?.abort();
      this.abort = null;
      this.on.state("paused");
    }, HIDDEN_MS_MAX);
  }

  async connect() {
    const abort = new AbortController();
    this.abort = abort;
    this.isLive = false;
    if (this.failures === 0) this.on.state("connecting");
    let watchdog = setTimeout(() => abort.abort(), SILENCE_MS_MAX);
    try {
      const response = await request("/v1/creator/events", { accept: "text/event-stream", signal: abort.signal });
      const parser = new EventParser((name, data) => {
        if (name === "totals") this.on.totals(JSON.parse(data));
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.abort !== abort) break;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort(), SILENCE_MS_MAX);
        if (!this.isLive) {
          this.failures = 0;
          this.isLive = true;
          this.on.state("live");
        }
        parser.feed(value);
      }
    } catch (error) {
      if (error instanceof ApiError && error.kind === "signed_out" && this.abort === abort) this.stop();
    } finally {
      clearTimeout(watchdog);
    }
    // Whoever replaced `abort` has taken over: stopped, paused, or connected anew.
    if (this.stopped || this.abort !== abort) return;
    this.abort = null;
    this.again();
  }

  again() {
    const wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
    this.failures += 1;
    this.on.state(navigator.onLine ? "reconnecting" : "offline");
    // Half of the wait is chance, so that a restarted verifier is not met by all tabs at once.
    this.timer = setTimeout(() => this.connect(), wait / 2 + Math.random() * wait / 2);
  }
}

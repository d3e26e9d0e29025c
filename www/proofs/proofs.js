// Drives the checker: workers that run widget/proofs. A page imports this when it is asked for a
// check; nothing here decides what is true.

const WORKER = "$WORKER";
// The address of a worker is a Trusted Types sink; this policy knows one address and no other.
const policy = globalThis.trustedTypes?.createPolicy("farthing-worker", { createScriptURL: () => WORKER })
  ?? { createScriptURL: () => WORKER };

// Payments in a statement at most, and below how many one worker is as quick as several.
const PART = 100_000;
const FEW = 500;
const WORKERS_MAX = 8;
// The log promises to cover a payment within two seconds; a slow machine is given more.
const PATIENCE_MS = 15_000;
const PAUSE_MS = 700;

// The check could not be carried out, which says nothing about the provider.
export class CheckFailed extends Error {
  isCheckFailed = true;
}

class CheckWorker {
  constructor(onProgress) {
    this.onProgress = onProgress;
    this.waiting = null;
    this.heard = [];
    this.failed = null;
    this.worker = new Worker(policy.createScriptURL(WORKER));
    this.worker.addEventListener("message", ({ data }) => this.hear(data));
    const fail = (event) => {
      event.preventDefault();
      this.fail(new CheckFailed("The checking program did not run in this browser."));
    };
    this.worker.addEventListener("error", fail);
    this.worker.addEventListener("messageerror", fail);
  }

  hear(answer) {
    if (answer.said === "progress") {
      this.onProgress(answer.done);
    } else if (this.waiting === null) {
      this.heard.push(answer);
    } else {
      this.waiting.done(answer);
      this.waiting = null;
    }
  }

  fail(error) {
    this.failed = error;
    this.waiting?.fail(error);
    this.waiting = null;
  }

  tell(message) {
    this.worker.postMessage(message);
  }

  // The next answer that is not progress.
  answer() {
    if (this.failed !== null) return Promise.reject(this.failed);
    if (this.heard.length > 0) return Promise.resolve(this.heard.shift());
    return new Promise((done, fail) => { this.waiting = { done, fail }; });
  }

  ask(message) {
    this.tell(message);
    return this.answer();
  }
}

// Some workers, ready. `stop` ends them whatever they are doing.
export class Checker {
  constructor() {
    this.workers = [];
    this.done = 0;
    this.onProgress = () => {};
  }

  async start(count) {
    while (this.workers.length < count) {
      const worker = new CheckWorker((done) => {
        this.done += done;
        this.onProgress(this.done);
      });
      this.workers.push(worker);
    }
    // Each says "ready" once, when it begins to listen.
    await Promise.all(this.workers.map((worker) => worker.answer()));
    return this;
  }

  stop() {
    const stopped = new CheckFailed("The check was stopped.");
    for (const worker of this.workers) {
      worker.worker.terminate();
      worker.fail(stopped);
    }
  }

  // One question to one worker: a receipt, or whether the log went on.
  ask(message) {
    return this.workers[0].ask(message);
  }
}

export function workersFor(payments) {
  return payments < FEW ? 1 : Math.max(1, Math.min(navigator.hardwareConcurrency || 2, WORKERS_MAX));
}

// The size that a checkpoint signs: its second line.
export function sizeOf(note) {
  return Number(note.split("\n")[1] ?? 0);
}

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

// Checks all payments against what the page shows. `wanted` has the log's `key`, the `creator`, the
// checkpoint `seen` before (or ""), what was proven `before` (as a "proven" answer says it, or null), and
// the `payments` and `total` shown, and `refunds` and `refunded` ("" where none are shown).
// `fetchPart(from, to, since, refundsFrom)` answers the statement's bytes, or null while the log does not
// cover anything; `to` is one less than `from` when refunds alone are left. `tell(step, done)` is told what
// is happening. Answers "proven" or the first "lie"; `evidence` is then the file it is in.
export async function checkStatements(checker, wanted, fetchPart, tell) {
  const { workers } = checker;
  const [chief, ...helpers] = workers;
  const { key, creator, seen, before: known, payments, total, refunds, refunded } = wanted;
  for (const worker of workers) worker.tell({ do: "begin", key, creator, seen, before: known });
  let proven = 0;
  let provenRefunds = 0;
  let since = seen === "" ? 0 : sizeOf(seen);
  let file = null;
  checker.done = 0;
  checker.onProgress = (done) => tell("check", done);
  const until = performance.now() + PATIENCE_MS;
  while (proven < payments || provenRefunds < refunds) {
    const to = Math.min(payments, proven + PART);
    const fetched = await fetchPart(proven + 1, to, since, provenRefunds + 1);
    if (fetched === null) {
      // No checkpoint yet: said by the provider itself, so it is no lie until time is up.
      if (performance.now() > until) throw new CheckFailed("The log does not cover your payments yet. Try again in a minute.");
      tell("wait", proven);
      await pause(PAUSE_MS);
      continue;
    }
    file = fetched;
    const before = checker.done;
    const message = (share) => ({ do: "statement", file, share, shares: workers.length });
    workers.forEach((worker, share) => worker.tell(message(share)));
    const [mine, ...theirs] = await Promise.all(workers.map((worker) => worker.answer()));
    const liar = [mine, ...theirs].find((answer) => answer.said === "lie");
    if (liar !== undefined) return { ...liar, evidence: file };
    const isShort = proven + mine.payments < to
      || provenRefunds + mine.refunds < Math.min(refunds, provenRefunds + PART);
    if (isShort && performance.now() < until) {
      // The newest payments and refunds are on their way into the log.
      checker.done = before;
      tell("wait", proven);
      await pause(PAUSE_MS);
      continue;
    }
    for (const { looked, invented } of theirs) chief.tell({ do: "helped", looked, invented });
    const part = await chief.ask({ do: "finish" });
    if (part.said === "lie") return { ...part, evidence: file };
    // The helpers follow the log from statement to statement as the chief does.
    for (const helper of helpers) helper.tell({ do: "follows", note: part.checkpoint });
    since = part.size;
    if (part.payments === proven && part.refunds === provenRefunds) break;
    proven = part.payments;
    provenRefunds = part.refunds;
  }
  const answer = await chief.ask({ do: "compare", payments, total, refunds, refunded });
  return answer.said === "lie" ? { ...answer, evidence: file } : answer;
}

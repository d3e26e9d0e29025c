// Keeps the wallet page at hand for a time without a connection. It answers for two things alone: the
// page `/wallet` itself, from the network as long as there is one, and the files that this page names,
// whose names hold the hash of their content. What the verifier says is never kept here: the page keeps
// its last known history itself, and says how old it is.
const CACHE = "farthing-wallet";
const PAGE = "/wallet";

// The page and the files that it names, and nothing that an older one named.
const keep = async (response) => {
  const cache = await caches.open(CACHE);
  const html = await response.clone().text();
  const files = new Set(html.match(/\/a\/[\w.-]+/g));
  for (const file of files) if (!(await cache.match(file, { ignoreVary: true }))) await cache.add(file);
  await cache.put(PAGE, response);
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname != PAGE && !files.has(pathname)) await cache.delete(request);
  }
};

const page = async (event) => {
  let answer;
  try {
    answer = await fetch(event.request);
    if (answer.ok) event.waitUntil(keep(answer.clone()).catch(() => {}));
    if (answer.status < 500) return answer;
  } catch {
    // No connection.
  }
  const cache = await caches.open(CACHE);
  return (await cache.match(PAGE, { ignoreVary: true })) || answer || Response.error();
};

const file = async (request) => {
  const { pathname } = new URL(request.url);
  const cache = await caches.open(CACHE);
  return (await cache.match(pathname, { ignoreVary: true })) || fetch(request);
};

addEventListener("install", (event) => {
  // The window that allows a payment lies below this page and must not wait for us to be started.
  event.addRoutes?.({ condition: { urlPattern: { pathname: "/wallet/*" } }, source: "network" })?.catch?.(() => {});
  event.waitUntil(fetch(PAGE).then((answer) => (answer.ok ? keep(answer) : Promise.reject(answer.status))));
});
addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method != "GET" || origin != location.origin) return;
  if (mode == "navigate" && pathname == PAGE) event.respondWith(page(event));
  else if (pathname.startsWith("/a/")) event.respondWith(file(event.request));
});

// Adds a provider's loader to the page. The elements themselves come from the provider, like everything that can
// spend: this package cannot, and no version of it has to be trusted with money.
const loading = new Map();

/** Adds the provider's script, once; resolves when its elements are defined. */
export const load = async ({ provider, creator, version, integrity }) => {
  const origin = new URL(provider).origin;
  const known = loading.get(origin);
  if (known) return known;
  // The first script defines the elements; theirs would never be another's.
  for (const other of loading.keys()) throw new Error(`this page has the elements of ${other} already`);
  const done = new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.async = true;
    script.crossOrigin = "anonymous";
    if (creator) script.dataset.creator = creator;
    if (integrity) script.integrity = integrity;
    script.onload = () => loaded(customElements.whenDefined("farthing-donate").then(() => {}));
    script.onerror = () => {
      // The next call may try again: a network that was gone comes back.
      loading.delete(origin);
      script.remove();
      failed(new Error(`the loader of ${origin} did not load`));
    };
    script.src = origin + (version ? `/l/${version}.js` : "/v1.js");
    document.head.append(script);
  });
  loading.set(origin, done);
  return done;
};

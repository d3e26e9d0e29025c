// The worker's script, joined to the binding of the module. It only loads it: what the worker hears
// and says is widget/proofs/src/worker.rs.
wasm_bindgen({ module_or_path: "$WASM" }).catch((error) => {
  // Thrown outside of the promise, so that the page hears of it by its worker's error event.
  setTimeout(() => { throw error; });
});

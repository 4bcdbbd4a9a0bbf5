// Runs widgets in a page without a kernel: each gets what Python had sent to it, and keeps what a person picks.

export function start(states, modules) {
  const addresses = {};         // one module may draw several widgets
  for (const [name, source] of Object.entries(modules))
    addresses[name] = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  for (const [id, { esm, ...state }] of Object.entries(states)) {
    for (const [name, text] of Object.entries(state.arrays))
      state.arrays[name] = new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
    const listeners = {};
    const model = {
      get: (name) => state[name],
      set: (name, value) => { state[name] = value; },
      save_changes: () => {},
      on: (event, listen) => { (listeners[event] ??= []).push(listen); },
      off: (event, listen) => { listeners[event] = (listeners[event] ?? []).filter((one) => one !== listen); },
    };
    const el = document.getElementById(id);
    el.state = state;           // for tests, and for the curious
    el.tell = (event) => (listeners[event] ?? []).forEach((listen) => listen());
    import(addresses[esm])
      .then((module) => module.default.render({ model, el }))
      .catch((error) => { el.textContent = `This widget could not be drawn. ${error}`; });
  }
}

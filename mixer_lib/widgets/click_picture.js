// A picture whose cells can be picked, with a click or, once it has the focus, with the arrow keys. `value`: a PNG file.
// `areas`: where the cells lie, each [x, y, width, height] with `rows` x `columns` cells. `at`: the cell that is picked.

function render({ model, el }) {
  const img = document.createElement("img");
  img.className = "jupyter-widgets widget-image";
  img.tabIndex = 0;
  img.dataset.lmSuppressShortcuts = "true";     // otherwise JupyterLab uses the arrows to go to the next cell
  img.setAttribute("role", "slider");
  img.setAttribute("aria-label", `${model.get("label")}: click, or use the arrow keys`);
  img.setAttribute("aria-valuemin", 0);
  img.setAttribute("aria-valuemax", model.get("count") - 1);
  img.style.cssText = `display: block; width: ${model.get("width")}px; max-width: 100%; height: auto; cursor: pointer`;
  el.append(img);

  function show() {
    const old = img.src;
    img.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  }

  function mark() {
    img.setAttribute("aria-valuenow", model.get("at"));
  }

  function pick(at) {
    if (at < 0 || at >= model.get("count") || at === model.get("at")) return;
    model.set("at", at);
    model.save_changes();
  }

  img.addEventListener("click", (event) => {
    const shown = img.getBoundingClientRect(), scale = model.get("width") / shown.width;
    for (const [left, top, width, height] of model.get("areas")) {
      const x = ((event.clientX - shown.left) * scale - left) / width;
      const y = ((event.clientY - shown.top) * scale - top) / height;
      if (x >= 0 && x < 1 && y >= 0 && y < 1)
        pick(Math.floor(y * model.get("rows")) * model.get("columns") + Math.floor(x * model.get("columns")));
    }
  });
  img.addEventListener("keydown", (event) => {
    const columns = model.get("columns");
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!step) return;
    event.preventDefault();                     // otherwise the page scrolls
    event.stopPropagation();
    pick(model.get("at") + step);
  });

  show();
  mark();
  model.on("change:value", show);
  model.on("change:at", mark);
  return () => { URL.revokeObjectURL(img.src); model.off("change:value", show); model.off("change:at", mark); };
}

export default { render };

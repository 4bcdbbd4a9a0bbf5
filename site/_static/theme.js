// Pictures and widgets of the lessons know JupyterLab's themes: this tells them which one the reader chose here.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => {
    const chosen = document.body.dataset.theme ?? "auto";
    document.body.dataset.jpThemeLight = String(chosen === "auto" ? !dark.matches : chosen === "light");
  };
  document.addEventListener("DOMContentLoaded", () => {
    tell();
    new MutationObserver(tell).observe(document.body, { attributeFilter: ["data-theme"] });
    dark.addEventListener("change", tell);
  });
})();

// What the pages need beyond the theme.

// Pictures and widgets of the lessons know JupyterLab's themes: this tells them which one the reader chose here.
const dark = matchMedia("(prefers-color-scheme: dark)");
const tell = () => {
  const chosen = document.body.dataset.theme ?? "auto";
  document.body.dataset.jpThemeLight = String(chosen === "auto" ? !dark.matches : chosen === "light");
};

// For keyboards and screen readers: names and levels that the theme leaves out, and boxes that scroll take the focus.
const name = (selector, attributes) => document.querySelectorAll(selector).forEach((element) => {
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
});

document.addEventListener("DOMContentLoaded", () => {
  tell();
  new MutationObserver(tell).observe(document.body, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", tell);
  name(".sidebar-tree .caption[role=heading]", { "aria-level": 2 });
  name(".sidebar-drawer", { "aria-label": "All pages" });
  name(".toc-drawer", { "aria-label": "On this page" });
  name("article pre, .table-wrapper, article math[display=block]", { tabindex: 0 });
});

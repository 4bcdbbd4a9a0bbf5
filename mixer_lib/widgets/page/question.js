// A question that keeps its secret: buttons, or a field for numbers. Only when the reader has committed to an answer, the
// right one unfolds, with the reason. A question without an answer yet notes the reader's; the widget of the same question
// further down, which has the answer, takes it from there.

import { make, widget } from "./kit.js";

const QUESTION_STYLE = `
.mx-question { font-size: 14px; }
.mx-options { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; border: 0; margin: 0; padding: 0; }
.mx-options legend, .mx-options label { float: left; color: var(--mx-soft); padding: 0; margin-right: 4px; }
.mx .mx-options button:nth-of-type(n) { border-radius: 4px; margin: 0; padding: 5px 14px; border-color: var(--mx-soft);
                                        opacity: 1; }
.mx .mx-options button[aria-disabled="true"] { cursor: default; }
.mx .mx-options button[aria-disabled="true"]:not([aria-pressed="true"]) { background: transparent; color: var(--mx-soft); }
.mx .mx-options button.mx-accepted:nth-of-type(n) { border-color: var(--mx-ink); }
.mx .mx-options button.mx-accepted:not([aria-pressed="true"]):nth-of-type(n) { color: var(--mx-ink); font-weight: 600; }
.mx-accepted::before { content: "✓ "; }
.mx-options input { font: inherit; color: inherit; background: var(--mx-paper); border: 1px solid var(--mx-soft);
                    border-radius: 4px; padding: 5px 8px; width: 11em; margin-left: 8px; }
.mx-told > div { border-left: 3px solid var(--mx-ink); margin: 12px 0 2px; padding: 2px 0 2px 14px; line-height: 1.6;
                 animation: mx-unfold .3s ease-out; overflow-wrap: break-word; }
.mx-told p { margin: 0 0 8px; max-width: 46em; } .mx-told > div > :last-child { margin-bottom: 0; }
.mx-told code { background: var(--mx-fill); padding: 1px 4px; border-radius: 3px; font-size: 13px; color: inherit; }
.mx-told a { color: inherit; text-decoration: underline; }
.mx-told img { display: block; max-width: 100%; background: white; margin-bottom: 8px; }
.mx-verdict { font-weight: 600; } .mx-noted { color: var(--mx-soft); }
@keyframes mx-unfold { from { opacity: 0; transform: translateY(-6px); } }
`;
const NUMBER = /[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/g;
const MARKS = { right: "✓", near: "≈", wrong: "→" };

// What to say about a prediction, as `judge` does in exercises/predicting.py: [verdict, sentence].
export function judge(key, said) {
  if (key.accept) {
    const tie = key.accept.length > 1 ? ": too close to call" : "";
    if (key.accept.includes(said))
      return ["right", `You said “${said}”, and that is right.${tie && ` It is ${key.shown}${tie}.`}`];
    return ["wrong", `You said “${said}”. The answer is ${key.shown}${tie}.`];
  }
  const text = said.replaceAll("\u2212", "-").trim().toLowerCase(), mine = (text.match(NUMBER) ?? []).map(Number);
  if (/[^\s,;()[\]]/.test(text.replace(NUMBER, " ")) || mine.length !== key.numbers.length)
    return [null, `Please type ${key.field}.`];
  const off = Math.max(...mine.map((number, i) => Math.abs(number - key.numbers[i]))), typed = said.trim();
  if (off <= key.right)
    return ["right", `You said ${typed}, and that is right${off === 0 ? "." : `. More exactly, it is ${key.shown}.`}`];
  if (off <= key.near) return ["near", `You said ${typed}, and that is near. It is ${key.shown}.`];
  return ["wrong", `You said ${typed}. It is ${key.shown}.`];
}

export default widget((root, { sealed, facts }, state) => {
  const bytes = sealed.map((byte, i) => byte ^ (31 * i + 73) % 256);
  const key = JSON.parse(new TextDecoder().decode(bytes));
  const noted = globalThis.mixerNoted ??= {}, heard = `mixer-noted-${facts.name}`;
  const told = make("div", { class: "mx-told", "aria-live": "polite" });
  const commit = (said) => { if (state.get().said === null) state.pick({ said }); };

  function ask() {
    if (facts.choices.length) {
      const buttons = facts.choices.map((choice) => make("button", { type: "button", click: () => commit(choice) }, choice));
      state.on(["said"], ({ said }) => buttons.forEach((button, i) => {
        button.setAttribute("aria-pressed", String(said === facts.choices[i]));
        if (said === null) return;
        button.setAttribute("aria-disabled", "true");           // it keeps the focus, other than `disabled`
        if (key.accept?.includes(facts.choices[i])) button.classList.add("mx-accepted");
      }));
      return make("fieldset", { class: "mx-options" }, make("legend", {}, "Your prediction"), ...buttons);
    }
    const input = make("input", { type: "text", autocomplete: "off", "aria-describedby": `${heard}-wanted` });
    const wanted = make("span", { id: `${heard}-wanted`, role: "status", class: "mx-noted" }, facts.field);
    const enter = make("button", { type: "submit" }, "Enter");
    const form = make("form", { class: "mx-options", submit: (event) => {
      event.preventDefault();
      const [verdict, sentence] = judge(key, input.value);
      if (verdict === null) wanted.textContent = sentence;
      else commit(input.value.trim());
    } }, make("label", {}, "Your prediction", input), enter, wanted);
    state.on(["said"], ({ said }) => {
      if (said === null) return;
      input.value = said;
      input.readOnly = enter.hidden = wanted.hidden = true;
    });
    return form;
  }

  function tell({ said }) {
    if (said === null) return;
    if (!key.shown) {
      noted[facts.name] = said;
      document.dispatchEvent(new Event(heard));
      told.replaceChildren(make("div", { class: "mx-noted" }, `Noted: “${said}”. Read on; the answer comes with the results.`));
      return;
    }
    const [verdict, sentence] = judge(key, said), why = make("div", {});
    why.innerHTML = key.html;
    why.prepend(make("p", { class: "mx-verdict" }, `${MARKS[verdict]} ${sentence}`));
    told.replaceChildren(why);
  }

  root.classList.add("mx-question");
  root.append(make("style", {}, QUESTION_STYLE), ask(), told);
  state.on(["said"], tell);
  if (!key.shown) {
    if (state.get().said === null) delete noted[facts.name];            // its cell was run again
    return undefined;
  }
  const hear = () => { if (facts.name in noted) commit(noted[facts.name]); };
  hear();
  document.addEventListener(heard, hear);
  return () => document.removeEventListener(heard, hear);
});

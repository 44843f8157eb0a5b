"use strict";
// Texts come from the dataset and are never taken for HTML: every one goes through textContent.

const KEYS = { a: "answer", n: "not_answer", u: "unsure", z: "undo" };
const SAID = { answer: "Answer", not_answer: "Not an answer", unsure: "Unsure" };
const FEW = 10; // pairs below which a kappa says nothing
const at = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("button[data-verdict]")];
const reviewer = at("reviewer");
let current = null;
let busy = false;

function element(name, text, marked) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (marked) for (const piece of marked) made.append(piece.marked ? element("mark", piece.text) : piece.text);
  return made;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const number = (value) => value.toLocaleString("en-GB");

function share(figure, what) {
  if (figure.value === null) return `none judged yet`;
  return `${percent(figure.value)} [${percent(figure.low)}, ${percent(figure.high)}] of ${number(figure.n)} ${what}`;
}

function showFigures(found) {
  at("progress").max = found.pairs;
  at("progress").value = found.judged;
  const me = reviewer.value.trim();
  const others = Object.keys(found.by_reviewer).some((name) => name !== me);
  const byMe = others ? `, ${number(found.by_reviewer[me] || 0)} by you` : "";
  at("count").textContent = `${number(found.judged)} of ${number(found.pairs)}${byMe}`;
  const open = found.sample_open ? `, ${number(found.sample_open)} unsure` : "";
  at("contamination").textContent = share(found.contamination, "drawn at random") + open;
  at("suspects").textContent = found.suspects.value === null
    ? "none judged yet"
    : `${percent(found.suspects.value)} of ${number(found.suspects.n)}; says nothing of the others`;
  at("found").textContent =
    `${number(found.answers)}, at least ${percent(found.at_least)} of ${number(found.negatives)} negatives`;
  at("agreement-box").hidden = found.agreement.length === 0;
  at("agreement").textContent = found.agreement.map(({ reviewers, kappa }) => {
    const few = kappa.n < FEW ? "too few yet," : "the same verdict throughout,";
    const value = kappa.value === null || kappa.n < FEW
      ? few
      : `${kappa.value.toFixed(2)} [${kappa.low.toFixed(2)}, ${kappa.high.toFixed(2)}] on`;
    return `${reviewers.join(" and ")}: ${value} ${number(kappa.n)} pairs`;
  }).join("; ");
}

function showPair(pair) {
  current = pair;
  at("pair").hidden = pair === null;
  at("done").hidden = pair !== null;
  if (pair === null) {
    at("done").querySelector("h2").focus();
    return;
  }
  at("query").textContent = pair.query;
  at("query-id").textContent = pair.query_id;
  at("doc-id").textContent = pair.doc_id;
  at("document").replaceChildren(...element("p", undefined, pair.document).childNodes);
  at("positives").replaceChildren(...pair.positives.map((positive) => {
    const item = element("li", undefined, positive.text);
    item.className = "text box";
    item.tabIndex = 0;
    item.title = positive.doc_id;
    return item;
  }));
  const more = pair.n_positives - pair.positives.length;
  at("more-positives").hidden = more === 0;
  at("more-positives").textContent = `and ${number(more)} more`;
  at("known").replaceChildren(...Object.entries(pair.known).flatMap(([name, value]) => [
    element("dt", name),
    element("dd", typeof value === "number" && !Number.isInteger(value) ? value.toFixed(4) : String(value)),
  ]));
  at("pair").scrollTop = 0;
  at("query").focus({ preventScroll: true });
}

function ready() {
  for (const button of buttons) button.disabled = busy || current === null;
  at("undo").disabled = busy;
}

async function ask(path, more, said) {
  if (busy) return;
  if (!reviewer.value.trim()) {
    complain("Say who you are first: the field Reviewer at the bottom.");
    reviewer.focus();
    return;
  }
  busy = true;
  ready();
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ reviewer: reviewer.value.trim(), ...more }),
    });
    const found = await answer.json().catch(() => ({ error: `the server said ${answer.status}` }));
    if (!answer.ok) throw new Error(found.error);
    at("problem").hidden = true;
    showFigures(found.figures);
    showPair(found.pair);
    at("said").textContent = `${said} ${at("count").textContent} judged.`;
  } catch (error) {
    complain(`Not saved: ${error.message}. Is hardneg review still running? Try again.`);
  } finally {
    busy = false;
    ready();
  }
}

function complain(problem) {
  at("problem").textContent = problem;
  at("problem").hidden = false;
}

const judge = (verdict) => current && ask("verdict", { pair: current.pair, verdict }, `${SAID[verdict]}, saved.`);
const undo = () => ask("undo", {}, "Taken back.");

for (const button of buttons) button.addEventListener("click", () => judge(button.dataset.verdict));
at("undo").addEventListener("click", undo);
reviewer.addEventListener("change", () => {
  localStorage.setItem("reviewer", reviewer.value.trim());
  ask("next", {}, "");
});
at("keys").addEventListener("change", () => localStorage.setItem("keys", at("keys").checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox])");
  if (typing && event.key === "Enter") event.target.blur();
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat || !at("keys").checked) return;
  const wanted = KEYS[event.key.toLowerCase()];
  if (!wanted) return;
  event.preventDefault();
  if (wanted === "undo") undo();
  else judge(wanted);
});

reviewer.value = new URLSearchParams(location.search).get("reviewer") || localStorage.getItem("reviewer") || "";
at("keys").checked = localStorage.getItem("keys") !== "off";
if (reviewer.value) ask("next", {}, "");
else complain("Say who you are to begin: the field Reviewer at the bottom.");

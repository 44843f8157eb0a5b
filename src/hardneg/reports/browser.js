"use strict";
// The browser of examples. All texts are set as text, never as markup.
(() => {
  const holder = document.getElementById("data");
  if (!holder) return;
  const { sources, queries, documents, entries } = JSON.parse(holder.textContent);
  const by = (id) => document.getElementById(id);
  const [controls, search, source, fate, score, least, most, list, shown, more] =
    ["controls", "search", "source", "fate", "score", "least", "most", "browser", "shown", "more"].map(by);
  const PAGE = 10;
  let limit = PAGE;

  const make = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const option = (select, value, text) => {
    const made = make("option", "", text);
    made.value = value;
    select.append(made);
  };
  const scores = [...sources];
  if (entries.some((entry) => entry.pairs.some((pair) => pair.t !== undefined))) scores.push("teacher");
  if (entries.some((entry) => entry.pairs.some((pair) => pair.p !== undefined))) scores.push("p(positive)");
  const scoreOf = (pair, name) =>
    name === "teacher" ? pair.t : name === "p(positive)" ? pair.p : pair.s[sources.indexOf(name)];
  const textOf = (pair) => documents[pair.d] ?? "";

  option(source, "", "any");
  const chosenFor = new Set(entries.flatMap((entry) => entry.pairs.filter((pair) => pair.f === "negative").map((pair) => pair.r)));
  for (const name of new Set([...sources, ...chosenFor])) option(source, name, name);
  option(fate, "", "any");
  option(fate, "negative", "chosen as negative");
  const reasons = new Set(entries.flatMap((entry) => entry.pairs.filter((pair) => pair.f === "refused").map((pair) => pair.r)));
  if (reasons.size) option(fate, "refused", "refused");
  for (const name of [...reasons].sort()) option(fate, `refused:${name}`, `refused by ${name}`);
  option(fate, "kept", "kept, not chosen");
  for (const name of scores) option(score, name, name);

  const cameFrom = (pair, name) => (pair.f === "negative" && pair.r === name) || (pair.f !== "negative" && pair.k[sources.indexOf(name)] != null);
  const passes = (pair, wanted) => {
    if (wanted.source && !cameFrom(pair, wanted.source)) return false;
    if (wanted.fate && wanted.fate !== pair.f && wanted.fate !== `${pair.f}:${pair.r}`) return false;
    if (wanted.least === null && wanted.most === null) return true;
    const value = scoreOf(pair, wanted.score);
    return value != null && (wanted.least === null || value >= wanted.least) && (wanted.most === null || value <= wanted.most);
  };
  const mentions = (text, words) => words.every((word) => text.includes(word));
  const found = (entry, words) =>
    !words.length ||
    mentions([entry.q, queries[entry.q] ?? ""].join(" ").toLowerCase(), words) ||
    entry.pairs.some((pair) => mentions(`${pair.d} ${textOf(pair)}`.toLowerCase(), words));

  const marked = (holder, text, words) => {
    // Case may change a text's length in rare scripts; then nothing is marked.
    const low = text.toLowerCase();
    let at = 0;
    while (words.length && low.length === text.length) {
      const next = words.map((word) => [low.indexOf(word, at), word.length]).filter(([place]) => place >= 0).sort((a, b) => a[0] - b[0])[0];
      if (!next) break;
      holder.append(text.slice(at, next[0]), make("mark", "", text.slice(next[0], next[0] + next[1])));
      at = next[0] + next[1];
    }
    holder.append(text.slice(at));
  };
  const said = { positive: "positive", negative: "negative", refused: "refused", kept: "kept, not chosen" };
  const showPair = (pair, words) => {
    const item = make("li", `pair ${pair.f}`);
    const meta = make("p", "meta");
    const why = pair.f === "negative" ? ` from ${pair.r}` : pair.f === "refused" ? ` by ${pair.r}` : "";
    meta.append(make("b", "", said[pair.f] + why));
    sources.forEach((name, at) => {
      const parts = [];
      if (pair.k[at] != null) parts.push(`rank ${pair.k[at]}`);
      if (pair.s[at] != null) parts.push(`score ${pair.s[at]}`);
      if (parts.length) meta.append(make("span", "", `${name}: ${parts.join(", ")}`));
    });
    if (pair.t !== undefined) meta.append(make("span", "", `teacher: ${pair.t}`));
    if (pair.p !== undefined) meta.append(make("span", "", `p(positive): ${pair.p}`));
    const id = make("code");
    marked(id, pair.d, words);
    meta.append(id);
    item.append(meta);
    if (textOf(pair)) {
      const text = make("p", "text");
      marked(text, textOf(pair), words);
      item.append(text);
      if (textOf(pair).length > 260 || textOf(pair).split("\n").length > 3) {
        text.classList.add("cut");
        const button = make("button", "", "whole text");
        button.type = "button";
        button.setAttribute("aria-expanded", "false");
        button.addEventListener("click", () => {
          const cut = text.classList.toggle("cut");
          button.textContent = cut ? "whole text" : "less";
          button.setAttribute("aria-expanded", String(!cut));
        });
        item.append(button);
      }
    }
    return item;
  };
  const showEntry = ({ entry, pairs }, words) => {
    const card = make("article");
    const head = make("h4");
    const notes = [entry.q, entry.stage, entry.hard ? "among the hardest" : ""].filter(Boolean).join(" · ");
    head.append(make("small", "", notes));
    marked(head, queries[entry.q] ?? entry.q, words);
    const rows = make("ul");
    rows.append(...pairs.map((pair) => showPair(pair, words)));
    card.append(head, rows);
    return card;
  };
  const number = (input) => (input.value === "" || Number.isNaN(Number(input.value)) ? null : Number(input.value));
  const update = () => {
    const wanted = { source: source.value, fate: fate.value, score: score.value, least: number(least), most: number(most) };
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const open = !wanted.source && !wanted.fate && wanted.least === null && wanted.most === null;
    const hits = entries
      .filter((entry) => found(entry, words))
      .map((entry) => ({
        entry,
        n: entry.pairs.filter((pair) => pair.f !== "positive" && passes(pair, wanted)).length,
        pairs: entry.pairs.filter((pair) => pair.f === "positive" || passes(pair, wanted)),
      }))
      .filter((hit) => open || hit.n);
    list.replaceChildren(...hits.slice(0, limit).map((hit) => showEntry(hit, words)));
    const left = hits.length - limit;
    more.hidden = left <= 0;
    more.textContent = `Show ${Math.min(PAGE, Math.max(left, 0))} more`;
    const pairs = hits.reduce((sum, hit) => sum + hit.n, 0);
    shown.textContent = hits.length
      ? `${hits.length} of ${entries.length} queries, ${pairs} candidates; showing ${Math.min(limit, hits.length)}.`
      : "No example fits. Loosen the search or the filters.";
  };
  let waiting;
  controls.addEventListener("input", () => {
    limit = PAGE;
    clearTimeout(waiting);
    waiting = setTimeout(update, 120);
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("reset", () => setTimeout(() => { limit = PAGE; update(); }));
  more.addEventListener("click", () => {
    const before = Math.min(limit, list.children.length);
    limit += PAGE;
    update();
    const next = list.children[before]?.querySelector("h4");
    if (next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
  });
  controls.hidden = false;
  update();
})();

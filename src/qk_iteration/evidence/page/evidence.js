"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const pairs = content.pairs.map(
  (cells) => Object.fromEntries(content.columns.map((name, i) => [name, cells[i]])));
const curve = content.curve;  // [threshold, precision, recall], best score first
const CARDS_AT_ONCE = 40;
const MARGIN = 1200;  // pixels below the window that are ready

// Outcomes in the order of their buttons: class of their color, and whether they are
// shown at first.
const OUTCOMES = {
  "found": ["good", true], "false alarm": ["bad", true], "missed": ["unsure", true],
  "rejected": ["", false],
  "identical": ["good", true], "copy": ["good", true], "below threshold": ["unsure", false],
};
const DIFFERENCE = 1e-6;  // scores were rounded to as many digits

const steps = [Infinity, ...new Set(
  [...curve.map((point) => point[0]), ...pairs.map((pair) => pair.score)]
    .filter((score) => score !== null).sort((a, b) => b - a))];
const slider = document.getElementById("slider");
const list = document.getElementById("pairs");
const edit = document.getElementById("edit");

const state = { step: 0, hidden: new Set(), edit: "" };
let waiting = [];  // pairs that pass the filters and have no card yet

function outcomeOf(pair, threshold) {
  if (pair.truth === "identical") return "identical";
  const taken = pair.score !== null && pair.score >= threshold - DIFFERENCE;
  if (pair.truth === "right") return taken ? "found" : "missed";
  if (pair.truth === "wrong") return taken ? "false alarm" : "rejected";
  return taken ? "copy" : "below threshold";
}

// The lowest step that is still as high as a score: what is shown at it has the score.
function stepOf(threshold) {
  if (threshold === null) return 0;
  let step = 0;
  while (step + 1 < steps.length && steps[step + 1] >= threshold - DIFFERENCE) step++;
  return step;
}

function pointAt(threshold) {
  let low = 0, high = curve.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve[middle][0] >= threshold - DIFFERENCE) low = middle + 1; else high = middle;
  }
  return low === 0 ? null : curve[low - 1];
}

const blocks = [...document.querySelectorAll("script.thumbnails")];
const parsed = new Map();
function pictureAt(number) {
  const block = Math.floor(number / content.picturesPerBlock);
  if (!parsed.has(block)) parsed.set(block, JSON.parse(blocks[block].textContent));
  return "data:image/jpeg;base64," + parsed.get(block)[number % content.picturesPerBlock];
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function figureOf(name, picture, role) {
  const figure = element("figure");
  if (picture < 0) {
    figure.append(element("div", "none", "no picture"));
  } else {
    const image = element("img");
    image.decoding = "async";
    image.alt = `${role}: ${name}`;
    image.src = pictureAt(picture);
    figure.append(image);
  }
  const caption = element("figcaption", "", `${role} `);
  caption.append(element("b", "", name ?? ""));
  figure.append(caption);
  return figure;
}

function cardOf(pair, threshold) {
  const card = element("article");
  const pictures = element("div", "pictures");
  pictures.append(figureOf(pair.query, pair.queryPicture, "query"),
                  figureOf(pair.match, pair.matchPicture, "match"));
  const facts = element("p", "facts");
  const outcome = outcomeOf(pair, threshold);
  facts.append(element("span", `outcome ${OUTCOMES[outcome][0]}`, outcome));
  if (outcome !== "identical") facts.append(element("span", "", pair.score === null ? "not among the candidates"
    : `score ${pair.score.toFixed(3)}`));
  if (pair.rank !== null) facts.append(element("span", "", `rank ${pair.rank}`));
  if (pair.precision !== null && pair.truth !== "identical") {
    facts.append(element("span", "", `precision ${pair.precision.toFixed(3)}`));
  }
  if (pair.group !== null) facts.append(element("span", "", `group ${pair.group}`));
  card.append(pictures, facts);
  if (pair.edits) {
    card.append(element("p", "edits", pair.edits.split(" ").join(" \u2192 ").replaceAll("_", " ")));
  }
  return card;
}

function addCards() {
  const threshold = steps[state.step];
  list.append(...waiting.splice(0, CARDS_AT_ONCE).map((pair) => cardOf(pair, threshold)));
}

function show() {
  const threshold = steps[state.step];
  const counts = new Map();
  waiting = [];
  for (const pair of pairs) {
    if (state.edit && !(pair.edits ?? "").split(" ").includes(state.edit)) continue;
    const outcome = outcomeOf(pair, threshold);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (!state.hidden.has(outcome)) waiting.push(pair);
  }
  document.getElementById("threshold").value =
    threshold === Infinity ? "above all" : threshold.toFixed(3);
  const point = pointAt(threshold);
  document.getElementById("figures").textContent = curve.length === 0 ? ""
    : point === null ? "Nothing is taken."
    : `precision ${point[1].toFixed(3)} \u00b7 recall ${point[2].toFixed(3)}`;
  document.getElementById("count").textContent =
    `${waiting.length.toLocaleString("en")} of ${pairs.length.toLocaleString("en")} pairs`;
  for (const button of document.querySelectorAll("#outcomes button")) {
    const name = button.dataset.outcome;
    button.textContent = `${name} ${counts.get(name) ?? 0}`;
    button.setAttribute("aria-pressed", String(!state.hidden.has(name)));
  }
  list.replaceChildren();
  fill();
}

// Cards down to a little below the window; the rest when one scrolls there.
function fill() {
  const end = document.getElementById("end");
  while (waiting.length > 0 && end.getBoundingClientRect().top < innerHeight + MARGIN) {
    addCards();
  }
}

let asked = 0;
function showSoon() {  // once a frame, however fast the slider moves
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(show);
}

function addButtons() {
  const isJudged = pairs.some((pair) => pair.truth === "right" || pair.truth === "wrong");
  const names = isJudged ? ["found", "false alarm", "missed", "rejected"]
    : ["identical", "copy", "below threshold"];
  for (const name of names) {
    if (!OUTCOMES[name][1]) state.hidden.add(name);
    const button = element("button");
    button.type = "button";
    button.dataset.outcome = name;
    button.addEventListener("click", () => {
      state.hidden.has(name) ? state.hidden.delete(name) : state.hidden.add(name);
      show();
    });
    document.getElementById("outcomes").append(button);
  }
}

function addEdits() {
  const names = new Set(pairs.flatMap((pair) => (pair.edits ?? "").split(" ")));
  names.delete("");
  document.getElementById("edit-filter").hidden = names.size === 0;
  for (const name of [...names].sort()) {
    const option = element("option", "", name.replaceAll("_", " "));
    option.value = name;
    edit.append(option);
  }
  edit.addEventListener("change", () => { state.edit = edit.value; show(); });
}

slider.max = steps.length - 1;
state.step = stepOf(content.threshold);
slider.value = state.step;
slider.addEventListener("input", () => { state.step = Number(slider.value); showSoon(); });
addButtons();
addEdits();
show();
addEventListener("scroll", fill, { passive: true });
addEventListener("resize", fill);

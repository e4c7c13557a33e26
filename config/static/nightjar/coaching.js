// The coach beside the composer: asks for advice while somebody types, and never gets in the way of typing.
(() => {
  "use strict";
  const PAUSE = 350;
  const AGAIN = 60_000;
  const coach = () => document.getElementById("coach");
  const field = () => document.getElementById("composer-text");
  const byId = (id) => document.getElementById(id);

  // --- advice: the last answer wins, and none is no disturbance -------------------------------------------------

  let timer = 0;
  let asking = null;
  let summary = "";
  let looking = null;

  function askSoon(pause = PAUSE) {
    clearTimeout(timer);
    timer = setTimeout(ask, pause);
  }

  async function ask() {
    const place = coach();
    if (!place || !field()) return;
    asking?.abort();
    asking = new AbortController();
    const text = field().value;
    try {
      const answer = await fetch(place.dataset.advice, {
        method: "POST",
        body: new URLSearchParams({ text }),
        headers: { "X-CSRFToken": byId("composer").querySelector("[name=csrfmiddlewaretoken]").value, "HX-Request": "true" },
        signal: asking.signal,
      });
      if (!answer.ok) throw new Error(String(answer.status));
      draw(place, await answer.json(), text);
    } catch (problem) {
      if (problem.name === "AbortError" || place !== coach()) return;
      place.dataset.state = "out";
      byId("coach-words").textContent = place.dataset.wordsOffline;
    }
  }

  function draw(place, advice, text) {
    if (place !== coach() || field().value !== text) return; // Typed on: another answer comes.
    place.dataset.state = "on";
    summary = advice.summary;
    window.nightjar.drawLights(byId("lights"), advice.lights, say);
    byId("coach-preview").innerHTML = advice.preview; // Our own template, which escapes what was typed.
    document.dispatchEvent(new CustomEvent("nightjar:weighed", { detail: { weight: advice.weight } })); // Twitter's own count.
    if (!looking) byId("coach-words").textContent = summary;
    if (byId("coach-summary").textContent !== summary) byId("coach-summary").textContent = summary;
    mark();
  }

  function say(light) {
    looking = light;
    if (coach()?.dataset.state === "on") byId("coach-words").textContent = light ? light.sentence : summary;
    mark();
  }

  // --- marks behind the text: the words that lit a light, and blanks ---------------------------------------------

  const COPIED = ["fontFamily", "fontSize", "fontStyle", "fontWeight", "fontVariantNumeric", "lineHeight", "letterSpacing", "wordSpacing", "textIndent", "paddingTop", "paddingRight", "paddingBottom", "paddingLeft", "direction", "tabSize"];

  function mirror() {
    const found = field().parentElement.querySelector(".coach-mirror");
    if (found) return found;
    const made = Object.assign(document.createElement("div"), { className: "coach-mirror" });
    made.setAttribute("aria-hidden", "true");
    field().after(made);
    field().addEventListener("scroll", () => { made.scrollTop = field().scrollTop; });
    new ResizeObserver(mark).observe(field());
    return made;
  }

  function mark() {
    if (!field() || !coach()) return;
    const text = field().value;
    const marks = blanks(text).map(({ start, end }) => ({ start, end, kind: "blank" }));
    for (const { start, end } of looking?.words ?? []) marks.push({ start, end, kind: "word" });
    const glass = mirror();
    const style = getComputedStyle(field());
    for (const name of COPIED) glass.style[name] = style[name];
    for (const [name, value] of [["top", field().offsetTop], ["left", field().offsetLeft], ["width", field().clientWidth], ["height", field().clientHeight]]) glass.style[name] = `${value}px`;
    glass.replaceChildren(...pieces(text, marks));
    glass.scrollTop = field().scrollTop;
  }

  function pieces(text, marks) {
    const made = [];
    let place = 0;
    for (const { start, end, kind } of marks.sort((one, other) => one.start - other.start)) {
      if (start < place || end > text.length) continue;
      made.push(text.slice(place, start), Object.assign(document.createElement("mark"), { className: `mark-${kind}`, textContent: text.slice(start, end) }));
      place = end;
    }
    return [...made, text.slice(place) + "\n"];
  }

  // --- blanks ---------------------------------------------------------------------------------------------------

  // As the server reads them: doubled braces are none.
  const BRACES = /\{\{|\}\}|\{((?!\s*\})[^{}\n]{1,40})\}/g;

  function blanks(text) {
    return [...text.matchAll(BRACES)].filter((found) => found[1]).map((found) => ({ start: found.index, end: found.index + found[0].length, words: found[0] }));
  }

  function select(blank) {
    field().focus();
    field().setSelectionRange(blank.start, blank.end);
  }

  function showBlank(blank) {
    byId("coach-blank").hidden = !blank;
    byId("coach-blank").textContent = blank ? coach().dataset.wordsBlank.replace("{}", blank.words) : "";
  }

  // Before htmx hears of it. What is kept as a draft may have blanks; what goes out, or to be approved, may not.
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "composer" || !coach() || event.submitter?.matches("[data-save-draft], [data-discard]")) return;
    const [left] = blanks(field().value);
    if (!left) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    showBlank(left);
    select(left);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "composer-text" || event.key !== "Tab" || event.ctrlKey || event.altKey || event.metaKey) return;
    const { value, selectionStart, selectionEnd } = field();
    const next = event.shiftKey
      ? blanks(value).filter((blank) => blank.end <= selectionStart).at(-1)
      : blanks(value).find((blank) => blank.start >= selectionEnd);
    if (!next) return; // Past the last one Tab leaves, as everywhere.
    event.preventDefault();
    select(next);
  });

  document.addEventListener("input", (event) => {
    if (event.target.id !== "composer-text" || !coach()) return;
    if (!byId("coach-blank").hidden) showBlank(blanks(field().value)[0]);
    if (looking) looking = null; // Its words have moved.
    mark();
    askSoon();
  });

  // --- the preview ----------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle-preview]");
    if (!toggle) return;
    const preview = byId("coach-preview");
    preview.hidden = !preview.hidden;
    toggle.setAttribute("aria-expanded", String(!preview.hidden));
  });

  // --- beginnings -----------------------------------------------------------------------------------------------

  function open() {
    if (!coach() || !field()) return;
    if (!coach().dataset.open) {
      coach().dataset.open = "yes";
      [summary, looking] = ["", null];
      window.nightjar.listenToLights(byId("lights"), say);
    }
    mark();
    askSoon(0);
  }

  window.nightjar = { ...window.nightjar, selectFirstBlank: () => { const [first] = blanks(field().value); if (first) select(first); return Boolean(first); } };
  document.addEventListener("htmx:afterSettle", open);
  document.addEventListener("nightjar:redrawn", () => setTimeout(() => { if (coach() && !coach().dataset.open) open(); }));
  window.addEventListener("online", () => askSoon(0));
  window.addEventListener("offline", () => askSoon(0));
  setInterval(() => { if (document.visibilityState === "visible" && coach()) askSoon(0); }, AGAIN);
  open();
})();

// Canned responses in the composer: / in an empty reply, or the button; found by typing, put in by Enter.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const field = () => byId("composer-text");
  let rows = [];
  let shown = [];
  let chosen = 0;
  let bySlash = false;
  let isLoading = false;
  let isEntered = false; // Enter came before the list did: a fast hand is not made to press it twice.

  async function open(slash) {
    [bySlash, isLoading, isEntered] = [slash, true, false];
    const panel = byId("canned");
    panel.showPopover();
    put(panel);
    byId("canned-find").value = "";
    byId("canned-find").focus();
    try {
      const answer = await fetch(byId("coach").dataset.canned, { headers: { "HX-Request": "true" } });
      rows = answer.ok ? (await answer.json()).canned : rows;
    } catch { /* Offline: those of before are better than none. */ }
    isLoading = false;
    if (!panel.matches(":popover-open")) return;
    find();
    put(panel);
    if (isEntered && shown[chosen]) insert(shown[chosen]);
  }

  // Above the composer, as wide as it is.
  function put(panel) {
    const frame = byId("composer").getBoundingClientRect();
    panel.style.left = `${Math.max(8, frame.left)}px`;
    panel.style.width = `${Math.min(frame.width, 560, innerWidth - 16)}px`;
    panel.style.bottom = `${Math.max(8, innerHeight - frame.top + 6)}px`;
  }

  function close(back = true) {
    if (!byId("canned")?.matches(":popover-open")) return;
    byId("canned").hidePopover();
    if (back) field().focus();
  }

  function find() {
    const words = byId("canned-find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const rank = (row) => (row.name.toLowerCase().startsWith(words[0] ?? "") ? 0 : 1);
    shown = rows.filter((row) => words.every((word) => `${row.name} ${row.text}`.toLowerCase().includes(word)));
    if (words.length) shown.sort((one, other) => rank(one) - rank(other));
    chosen = 0;
    byId("canned-rows").replaceChildren(...shown.map(drawn));
    byId("canned-none").hidden = shown.length > 0;
    choose(0);
  }

  function drawn(row, number) {
    const item = document.createElement("li");
    item.id = `canned-row-${number}`;
    item.className = "canned-row";
    item.setAttribute("role", "option");
    item.dataset.number = number;
    const name = Object.assign(document.createElement("strong"), { textContent: row.name });
    const text = Object.assign(document.createElement("span"), { textContent: row.text, dir: "auto" });
    const language = Object.assign(document.createElement("span"), { className: "chip chip-code", textContent: row.language });
    item.append(name, language, text);
    return item;
  }

  function choose(number) {
    chosen = shown.length ? (number + shown.length) % shown.length : 0;
    [...byId("canned-rows").children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
    const item = byId("canned-rows").children[chosen];
    item?.scrollIntoView({ block: "nearest" });
    if (item) byId("canned-find").setAttribute("aria-activedescendant", item.id);
    else byId("canned-find").removeAttribute("aria-activedescendant");
  }

  function insert(row) {
    close();
    // As if typed: the browser's own undo takes it back, and everybody hears of it.
    if (!document.execCommand("insertText", false, row.text)) {
      field().setRangeText(row.text, field().selectionStart, field().selectionEnd, "end");
      field().dispatchEvent(new Event("input", { bubbles: true }));
    }
    window.nightjar.selectFirstBlank();
  }

  document.addEventListener("beforeinput", (event) => {
    if (event.target.id !== "composer-text" || event.data !== "/" || field().value.trim() || !byId("coach")) return;
    event.preventDefault();
    open(true);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-canned]")) {
      open(false);
      return;
    }
    const row = event.target.closest(".canned-row");
    if (row) insert(shown[Number(row.dataset.number)]);
    else if (!event.target.closest("#canned")) close(false);
  });

  document.addEventListener("input", (event) => {
    if (event.target.id === "canned-find") find();
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "canned-find" || event.isComposing) return;
    const moves = { ArrowDown: () => choose(chosen + 1), ArrowUp: () => choose(chosen - 1) };
    if (moves[event.key]) moves[event.key]();
    else if (event.key === "Enter") {
      if (isLoading) isEntered = true;
      else if (shown[chosen]) insert(shown[chosen]);
    }
    else if (event.key === "Escape") {
      close();
      if (bySlash && !field().value) document.execCommand("insertText", false, "/"); // It was meant as a slash.
    } else if (event.key === "Tab") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  addEventListener("resize", () => { if (byId("canned")?.matches(":popover-open")) put(byId("canned")); });
})();

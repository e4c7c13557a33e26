// Everything by keyboard. Single keys work only while nobody types; Esc and Ctrl+Enter always.
(() => {
  "use strict";
  let going = false;
  let goingTimer = null;

  const visible = (element) => element && element.checkVisibility();
  const rows = () => [...document.querySelectorAll(".row-link, .approval")].filter(visible);
  const press = (selector, near = document.activeElement?.closest(".approval") ?? document) => {
    const element = [...near.querySelectorAll(selector)].find(visible);
    element?.click();
    element?.closest("details[open]")?.querySelector("textarea, input:not([type=hidden])")?.focus();
    return Boolean(element);
  };

  // Where several replies wait, a key decides about the one in focus, never about whichever happens to be first.
  const decide = (selector) => {
    if (visible(document.querySelector(".approval")) && !document.activeElement?.closest(".approval")) step(0);
    else press(selector);
  };

  function step(by) {
    const all = rows();
    if (!all.length) return;
    const here = all.findIndex((row) => row === document.activeElement);
    const from = here >= 0 ? here : all.findIndex((row) => row.getAttribute("aria-current"));
    const next = all[Math.max(0, Math.min(all.length - 1, from < 0 ? 0 : from + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function leave() {
    const panes = document.getElementById("panes");
    const pane = document.querySelector("#conversation > .pane");
    if (!panes || !pane) return;
    const current = document.querySelector('.row-link[aria-current="true"]');
    const empty = document.getElementById("nothing-open");
    document.getElementById("conversation").replaceChildren(document.importNode(empty.content, true));
    // The address says again which part of which list is beside it.
    history.pushState({ htmx: true }, "", panes.dataset.listUrl + new URL(document.getElementById("rows").dataset.src, location).search);
    current?.removeAttribute("aria-current");
    (visible(current) ? current : rows()[0])?.focus();
  }

  const acts = {
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    o: () => document.activeElement?.matches(".row-link") && document.activeElement.click(),
    r: () => document.getElementById("composer-text")?.focus(),
    t: () => press('[data-key="t"]'),
    b: () => press('[data-key="b"]'),
    e: () => press('[data-key="e"]'),
    d: () => press('[data-key="d"]'),
    n: () => press('[data-key="n"]'),
    z: () => press('[data-key="z"]', document),
    a: () => decide('[data-key="a"]'),
    c: () => decide('[data-key="c"]'),
    s: () => decide('[data-key="s"]'),
    "/": () => document.getElementById("filter")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
    Escape: leave,
  };

  const places = { d: "desk", i: "inbox", r: "reports", v: "approvals", s: "settings" };
  const go = (key) => press(`[data-go="${key}"], [data-go="${places[key]}"]`);

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    if (field) {
      if (event.key === "Escape") leaveField(field, event);
      else if (field.id === "note-text" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) field.form.requestSubmit();
      else if (field.id === "filter" && (event.key === "Enter" || event.key === "ArrowDown")) {
        event.preventDefault();
        step(0); // Into what was found.
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.repeat && !/^([jk]|Arrow.*)$/.test(event.key)) return; // A key held down goes through the list and decides nothing.
    if (document.querySelector("dialog[open], :popover-open")) return; // They close themselves on Esc.
    if (event.key.startsWith("Arrow") && event.target.closest(".timeline, .aside, .table-scroll")) return; // It scrolls.
    if (going && places[event.key]) {
      event.preventDefault();
      setGoing(false);
      go(event.key);
    } else if (event.key === "g") {
      setGoing(true);
    } else if (/^[1-9]$/.test(event.key)) {
      press(`[data-brand-key="${event.key}"]`);
    } else if (Object.hasOwn(acts, event.key)) {
      event.preventDefault();
      setGoing(false);
      acts[event.key]();
    }
  });

  function setGoing(value) {
    going = value;
    clearTimeout(goingTimer);
    if (value) goingTimer = setTimeout(() => { going = false; }, 1500);
  }

  function leaveField(field, event) {
    event.preventDefault();
    if (field.id === "filter") {
      field.value = "";
      find();
      step(0);
    } else {
      field.blur();
      field.closest(":popover-open")?.hidePopover(); // What was typed in it stays in it.
      document.getElementById("conversation")?.focus({ preventScroll: true });
    }
  }

  // --- finding in the list -------------------------------------------------------------------------------------

  function find() {
    const typed = (document.getElementById("filter")?.value ?? "").trim();
    const words = typed.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let fitting = 0;
    for (const row of document.querySelectorAll(".row")) {
      const text = row.textContent.toLocaleLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) fitting += 1;
    }
    const nothing = document.querySelector("#nothing-fits > .empty");
    if (!nothing) return;
    nothing.hidden = fitting > 0;
    const title = nothing.querySelector("[data-words]");
    title.textContent = fitting ? "" : title.dataset.words.replace("{}", () => typed);
  }

  for (const box of document.querySelectorAll("[data-find]")) box.hidden = false;
  document.addEventListener("input", (event) => { if (event.target.id === "filter") find(); });
  document.addEventListener("nightjar:redrawn", find);
  document.addEventListener("htmx:afterSettle", find);

  // --- pointers ------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-keys]")) document.getElementById("keys").showModal();
    if (event.target.closest("[data-back]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      leave();
    }
    if (event.target.id === "keys") event.target.close(); // A click beside the sheet.
  });

  // A choice that opened is answered by the keyboard at once. (Toggle events do not bubble.)
  document.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    if (event.target.id === "close-as") event.target.querySelector("button:enabled")?.focus();
    if (event.target.id === "note-new") event.target.querySelector("textarea").focus();
  }, true);

  // A pane opened as a sheet must not stay one when the window grows.
  for (const width of ["(min-width: 900px)", "(min-width: 1440px)"]) {
    matchMedia(width).addEventListener("change", () => {
      for (const sheet of document.querySelectorAll(".rail:popover-open, .aside:popover-open")) sheet.hidePopover();
    });
  }

  // A swap can take the focused element away; the keyboard goes on from the conversation.
  document.addEventListener("htmx:afterSettle", (event) => {
    const target = event.detail.target ?? event.target;
    if (target?.id !== "conversation") return;
    if (document.activeElement === document.body || !visible(document.activeElement)) target.focus({ preventScroll: true });
  });
})();

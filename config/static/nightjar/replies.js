// Replies that can still be taken back: how many seconds are left. The server decides; this only shows.
(() => {
  "use strict";
  const ends = new WeakMap(); // by element: when its time is over, and from what that was reckoned

  function endOf(element) {
    const left = element.dataset.undoLeft;
    const known = ends.get(element);
    if (known?.left === left) return known.at;
    const at = performance.now() + Number(left) * 1000;
    ends.set(element, { left, at });
    return at;
  }

  function show() {
    for (const element of document.querySelectorAll("[data-undo-left]")) {
      const seconds = Math.ceil((endOf(element) - performance.now()) / 1000);
      const words = seconds > 0 ? element.dataset.words.replace("{}", seconds) : element.dataset.wordsOver;
      if (element.textContent !== words) element.textContent = words;
      const undo = element.closest(".reply")?.querySelector("[data-undo]");
      if (undo && seconds <= 0) undo.hidden = true;
    }
  }

  setInterval(show, 200);
  document.addEventListener("nightjar:redrawn", show);
  document.addEventListener("htmx:afterSettle", show);
  show();

  // The list of approvals is worked by keyboard: the first one is at hand.
  document.addEventListener("htmx:afterSettle", (event) => {
    if ((event.detail.target ?? event.target)?.id === "approvals") document.querySelector(".approval")?.focus();
  });
})();

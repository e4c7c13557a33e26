// The theme a person chose, put on before anything is drawn, so that the page does not flash.
(() => {
  "use strict";
  const root = document.documentElement;

  const chosen = () => {
    try {
      return localStorage.getItem("nightjar-theme");
    } catch {
      return null; // Storage is switched off: the system decides.
    }
  };

  const wear = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  const mark = () => {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === (chosen() || "system")));
    }
  };

  wear(chosen());
  document.addEventListener("DOMContentLoaded", mark);
  window.addEventListener("storage", (event) => {
    if (event.key === "nightjar-theme") { wear(chosen()); mark(); }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      if (button.dataset.themeChoice === "system") localStorage.removeItem("nightjar-theme");
      else localStorage.setItem("nightjar-theme", button.dataset.themeChoice);
    } catch { /* Worn for this page only. */ }
    wear(button.dataset.themeChoice);
    mark();
  });
})();

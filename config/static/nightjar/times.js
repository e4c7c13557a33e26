// Times in words: "4 min", "12 min left", the hour at the brand. Drawn once a second where seconds show, else lazily.
(() => {
  "use strict";
  const language = document.documentElement.lang || "en";
  const SOON = 15 * 60;
  const forms = {};
  const unit = (n, name) => {
    forms[name] ??= new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: name === "day" ? "long" : "short" });
    return forms[name].format(n).replaceAll(" ", "\u00a0");
  };
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
  const dayOfYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });

  const span = (seconds) => {
    if (seconds < 60) return unit(Math.max(1, Math.floor(seconds)), "second");
    if (seconds < 3600) return unit(Math.floor(seconds / 60), "minute");
    if (seconds < 86400) return unit(Math.floor(seconds / 3600), "hour");
    return unit(Math.floor(seconds / 86400), "day");
  };

  const ago = (at, now) => {
    const seconds = (now - at) / 1000;
    if (seconds < 45) return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
    if (seconds < 7 * 86400) return span(seconds);
    return (at.getFullYear() === now.getFullYear() ? day : dayOfYear).format(at);
  };

  const say = (element, words) => {
    if (element.textContent !== words) element.textContent = words;
  };

  const drawTimes = (root = document) => {
    const now = new Date();
    for (const element of root.querySelectorAll("time[data-ago]")) say(element, ago(new Date(element.dateTime), now));
    for (const element of root.querySelectorAll("time[data-due]")) {
      const left = (new Date(element.dateTime) - now) / 1000;
      const state = left < 0 ? "late" : left < SOON ? "soon" : "fine";
      if (element.dataset.state !== state) element.dataset.state = state;
      const pattern = left < 0 ? document.body.dataset.wordsLate : document.body.dataset.wordsLeft;
      say(element, (pattern || "{}").replace("{}", span(Math.max(60, Math.abs(left)))));
    }
    for (const element of root.querySelectorAll("[data-clock]")) {
      const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: element.dataset.clock });
      say(element, `${clock.format(now)} ${element.dataset.clock.split("/").pop().replaceAll("_", " ")}`);
    }
  };

  window.nightjar = { ...window.nightjar, drawTimes };
  drawTimes();
  setInterval(() => { if (!document.hidden) drawTimes(); }, 10000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) drawTimes(); });
  document.addEventListener("htmx:afterSettle", () => drawTimes());
  document.addEventListener("nightjar:redrawn", () => drawTimes());
})();

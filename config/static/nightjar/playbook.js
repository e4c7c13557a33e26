// Settings of the playbook: how much a canned response weighs, and which lights a text lights, while one types.
(() => {
  "use strict";
  const PAUSE = 350;
  const byId = (id) => document.getElementById(id);

  function whenTyped(field, then) {
    let timer = 0;
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(then, PAUSE);
    });
  }

  async function post(address, form, fields) {
    const body = new URLSearchParams(fields);
    body.set("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
    try {
      const answer = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // Offline: what was said before stays.
    }
  }

  const text = byId("canned-text");
  const weigh = async () => {
    const typed = text.value;
    const answer = typed.trim() ? await post(text.dataset.weigh, text.form, { text: typed }) : { sentence: "", state: "fine" };
    if (!answer || text.value !== typed) return;
    byId("canned-weight").textContent = answer.sentence;
    byId("canned-weight").dataset.state = answer.state;
  };
  if (text) {
    whenTyped(text, weigh);
    weigh();
  }

  const trial = byId("trial");
  let summary = "";
  const say = (light) => { byId("trial-words").textContent = light ? light.sentence : summary; };
  const attempt = async () => {
    const typed = byId("trial-text").value;
    const answer = await post(trial.action, trial, { text: typed, language: byId("trial-language").value });
    if (!answer || byId("trial-text").value !== typed) return;
    summary = answer.summary;
    say(null);
    window.nightjar.drawLights(byId("trial-lights"), answer.lights, say);
  };
  if (trial) {
    trial.addEventListener("submit", (event) => event.preventDefault());
    window.nightjar.listenToLights(byId("trial-lights"), say);
    whenTyped(byId("trial-text"), attempt);
    byId("trial-language").addEventListener("change", attempt);
    attempt();
  }

  // After a change the step that was changed lies open again.
  const changed = location.hash.startsWith("#step-") && document.getElementById(location.hash.slice(1));
  if (changed) changed.open = true;
})();

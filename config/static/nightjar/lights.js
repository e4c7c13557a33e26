// The nine lights as a row of buttons, one stop for the Tab key: drawn, and changed in place so that no focus is lost.
(() => {
  "use strict";

  function drawLights(list, lights, said) {
    if (list.children.length !== lights.length) list.replaceChildren(...lights.map(() => newLight()));
    lights.forEach((light, number) => {
      const button = list.children[number].firstElementChild;
      button.dataset.state = light.state;
      button.dataset.step = light.step;
      button.lastElementChild.textContent = light.label;
      button.setAttribute("aria-pressed", String(light.state === "lit"));
      button.setAttribute("aria-label", `${light.label}: ${light.sentence}`);
      button.light = light;
      if (button.matches(":hover, :focus-visible")) said(light);
    });
    if (!list.querySelector('[tabindex="0"]')) list.querySelector("button")?.setAttribute("tabindex", "0");
  }

  function newLight() {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "step";
    button.tabIndex = -1;
    button.append(Object.assign(document.createElement("span"), { className: "step-dot" }), document.createElement("span"));
    item.append(button);
    return item;
  }

  // What a light says is shown while one looks at it: by pointer, by focus, by a tap.
  function listenToLights(list, said) {
    const shown = (event) => said(event.target.closest(".step")?.light ?? null);
    list.addEventListener("pointerover", shown);
    list.addEventListener("focusin", shown);
    list.addEventListener("click", shown);
    list.addEventListener("pointerleave", () => said(list.querySelector(".step:focus-visible")?.light ?? null));
    list.addEventListener("focusout", () => said(null));
    list.addEventListener("keydown", (event) => {
      const steps = [...list.querySelectorAll(".step")];
      const place = steps.indexOf(document.activeElement);
      const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: steps.length - 1 }[event.key];
      if (place < 0 || next === undefined) return;
      event.preventDefault();
      steps[place].tabIndex = -1;
      const step = steps[(next + steps.length) % steps.length];
      step.tabIndex = 0;
      step.focus();
    });
  }

  window.nightjar = { ...window.nightjar, drawLights, listenToLights };
})();

// Live redraws. The socket brings hints ("acme is at 41211, its inbox changed"), never content: the regions that the
// hint names are asked for again over HTTP, where permission is checked, and put in place without losing focus,
// scrolling or what is being typed. A lost hint costs at most 20 seconds: the page also asks where each brand stands.
(() => {
  "use strict";
  const COALESCE_MS = 150;
  const PING_MS = 10_000;
  const SILENCE_MS = 25_000;
  const CHECK_MS = 20_000;
  const FIRST_WAIT_MS = 500;
  const LONGEST_WAIT_MS = 10_000;
  const FETCH_LIMIT_MS = 15_000;
  const LOGGED_OUT = 4401;

  const page = document.body.dataset;
  const known = readKnown();
  const jobs = new Map();
  let socket = null;
  let heardAt = -Infinity;
  let begunAt = 0;
  let failures = 0;
  let reconnectTimer = null;
  let pings = 0;
  const leftEnd = new WeakMap();
  // The composer grows and the timeline shrinks: what was said last stays in sight, unless one scrolled up.
  const resizes = new ResizeObserver((entries) => {
    for (const { target } of entries) if (!leftEnd.get(target)) target.scrollTop = target.scrollHeight;
  });

  window.nightjar = { ...window.nightjar, known, toast, announce, redraw };
  stickToEnd(document);
  markCurrent(document);
  document.addEventListener("htmx:afterSettle", afterSwap);
  if (page.socket) start();

  // --- where each brand stands ---------------------------------------------------------------------------------

  function readKnown() {
    const element = document.getElementById("live-seqs");
    return element ? JSON.parse(element.textContent) : {};
  }

  // A hint that skips a number means that another was lost: then everything of that brand is asked for again.
  function hear(brand, seq, names, from = seq) {
    const before = known[brand] ?? -1;
    if (!(seq > before)) return;
    known[brand] = seq;
    const all = names === null || from > before + 1;
    for (const region of document.querySelectorAll("[data-live][data-src]")) {
      if (region.dataset.live.split(/\s+/).some((name) => concerns(name, brand, all ? null : names))) ask(region.dataset.src);
    }
  }

  function concerns(name, brand, changed) {
    if (!name.includes(":")) return changed === null || changed.includes(name); // "desk" hears every brand
    const [itsBrand, itsName] = name.split(":", 2);
    return itsBrand === brand && (changed === null || changed.includes(itsName));
  }

  async function check() {
    if (!page.since || !navigator.onLine) return;
    const response = await fetchOrNull(page.since);
    if (!response || !response.ok) return;
    for (const [brand, seq] of Object.entries(await response.json())) hear(brand, seq, null);
  }

  // --- asking again --------------------------------------------------------------------------------------------

  function ask(src, wait = COALESCE_MS) {
    const job = jobs.get(src) ?? { timer: null, busy: false, again: false, failures: 0 };
    jobs.set(src, job);
    if (job.busy) job.again = true;
    else job.timer ??= setTimeout(() => fetchRegion(src, job), wait);
  }

  // One at a time per address, and once more when a hint came meanwhile: the newest wins and none is starved.
  async function fetchRegion(src, job) {
    job.timer = null;
    if (!regionsOf(src).length) {
      jobs.delete(src);
      return;
    }
    job.busy = true;
    const response = await fetchOrNull(src);
    const html = response?.ok ? await textOrNull(response) : null;
    job.busy = false;
    if (html !== null) {
      job.failures = 0;
      redraw(src, new DOMParser().parseFromString(html, "text/html"));
    } else if (!response || response.status >= 500) {
      job.failures += 1;
      ask(src, backOff(job.failures));
      return;
    }
    if (job.again) {
      job.again = false;
      ask(src);
    }
  }

  async function fetchOrNull(src) {
    try {
      const response = await fetch(src, {
        headers: { "HX-Request": "true", "X-Nightjar-Redraw": "1" },
        cache: "no-store",
        signal: AbortSignal.timeout(FETCH_LIMIT_MS),
      });
      if (response.status === 401 || (response.redirected && new URL(response.url).pathname === page.login)) logIn();
      return response;
    } catch {
      return null; // No network, or too slow: the caller asks again.
    }
  }

  async function textOrNull(response) {
    try {
      return await response.text();
    } catch {
      return null; // Cut off half-way.
    }
  }

  function regionsOf(src) {
    return [...document.querySelectorAll("[data-live][data-src]")].filter((region) => region.dataset.src === src);
  }

  // --- drawing again -------------------------------------------------------------------------------------------

  function redraw(src, fresh) {
    for (const region of regionsOf(src)) {
      const wanted = region.id ? fresh.getElementById(region.id) : null;
      if (!wanted) continue;
      window.nightjar.drawTimes?.(wanted);
      markCurrent(wanted);
      keepingPlace(region, () => morph(region, wanted));
      window.htmx?.process(region);
    }
    document.dispatchEvent(new CustomEvent("nightjar:redrawn", { detail: { src, fresh } }));
  }

  function keepingPlace(region, draw) {
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    const links = focused ? [...region.querySelectorAll(".row-link")] : [];
    const index = links.indexOf(focused);
    const atEnd = isAtEnd(region);
    const heard = new Set([...region.querySelectorAll(".message, .row")].map((element) => element.id));

    draw();

    if ("stick" in region.dataset && atEnd) region.scrollTop = region.scrollHeight;
    if (focused && document.activeElement !== focused) {
      const now = [...region.querySelectorAll(".row-link")];
      const next = focused.isConnected ? focused : now[Math.min(index, now.length - 1)];
      next?.focus({ preventScroll: true });
    }
    for (const element of region.querySelectorAll(".message, .row")) {
      if (!heard.has(element.id)) greet(element);
    }
  }

  function greet(element) {
    element.classList.add("is-new");
    setTimeout(() => element.classList.remove("is-new"), 2500);
    if (element.dataset.from) announce(`${page.wordsNewMessage} ${element.dataset.from}`);
  }

  // Makes `old` look like `fresh` by changing as little as possible; elements are the same when their ids are.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    morphAttributes(old, fresh);
    if (old.localName === "textarea") return; // What is typed belongs to the person.
    morphChildren(old, fresh);
  }

  function morphAttributes(old, fresh) {
    const own = (name) =>
      (name === "open" && (old.localName === "details" || old.localName === "dialog")) ||
      ((name === "value" || name === "checked") && (old === document.activeElement || old.value !== old.defaultValue));
    for (const { name, value } of fresh.attributes) {
      if (!own(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!own(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  function morphChildren(old, fresh) {
    const byId = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const match = wanted.id ? byId.get(wanted.id) : nextLike(place, wanted);
      if (match && match.nodeName === wanted.nodeName) {
        if (match === place) place = place.nextSibling;
        else move(old, match, place);
        morph(match, wanted);
      } else {
        old.insertBefore(document.importNode(wanted, true), place);
      }
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  function nextLike(place, wanted) {
    for (let node = place; node; node = node.nextSibling) {
      if (!node.id && node.nodeName === wanted.nodeName) return node;
    }
    return null;
  }

  function move(parent, node, before) {
    if (parent.moveBefore) parent.moveBefore(node, before); // Keeps focus, where the browser knows it.
    else parent.insertBefore(node, before);
  }

  function stickToEnd(root) {
    for (const region of root.querySelectorAll("[data-stick]")) {
      region.scrollTop = region.scrollHeight;
      resizes.observe(region);
      region.addEventListener("scroll", () => leftEnd.set(region, !isAtEnd(region)), { passive: true });
    }
  }

  function isAtEnd(region) {
    return region.scrollHeight - region.scrollTop - region.clientHeight < 90;
  }

  // The row whose conversation is open, told by the address.
  function markCurrent(root) {
    for (const link of root.querySelectorAll(".row-link")) {
      if (new URL(link.getAttribute("href"), location.href).pathname === location.pathname) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  function afterSwap(event) {
    const target = event.detail.target ?? event.target;
    if (target?.id === "conversation") stickToEnd(target);
    setTimeout(() => markCurrent(document)); // After htmx has pushed the address.
  }

  // --- the connection ------------------------------------------------------------------------------------------

  function start() {
    connect();
    setInterval(ping, PING_MS);
    setInterval(check, CHECK_MS);
    setInterval(showLight, 1000);
    window.addEventListener("online", connectNow);
    window.addEventListener("offline", showLight);
    // Who logs out here is led by the answer, not by the socket that ends with the session.
    document.addEventListener("submit", (event) => { if (event.target.matches('[action="/logout/"]')) drop(); });
    window.addEventListener("pageshow", (event) => { if (event.persisted) connectNow(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) connectNow(); });
    showLight();
  }

  function connect() {
    clearTimeout(reconnectTimer);
    reconnectTimer = null;
    drop();
    begunAt = performance.now();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${page.socket}`);
    socket.onmessage = receive;
    socket.onclose = (event) => (event.code === LOGGED_OUT ? logIn() : connectLater());
    showLight();
  }

  function connectNow() {
    if (!isLive()) connect();
    check();
  }

  function connectLater() {
    drop();
    failures += 1;
    reconnectTimer ??= setTimeout(connect, backOff(failures));
    showLight();
  }

  function drop() {
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
    heardAt = -Infinity;
  }

  function receive(event) {
    heardAt = performance.now();
    failures = 0;
    const message = JSON.parse(event.data);
    if (message.hello) for (const [brand, seq] of Object.entries(message.hello)) hear(brand, seq, null);
    if (message.brand) hear(message.brand, message.seq, message.changed ?? null, message.from);
    showLight();
  }

  function ping() {
    if (!socket) return;
    if (performance.now() - Math.max(heardAt, begunAt) > SILENCE_MS) connectLater();
    else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ping: (pings += 1) }));
  }

  function backOff(times) {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (times - 1));
    return longest * (0.5 + Math.random() / 2);
  }

  function isLive() {
    return socket?.readyState === WebSocket.OPEN && performance.now() - heardAt < SILENCE_MS;
  }

  function showLight() {
    const light = document.getElementById("light");
    if (!light) return;
    const state = !navigator.onLine || failures >= 3 ? "offline" : isLive() ? "live" : "connecting";
    if (light.dataset.state === state && light.dataset.shown) return;
    light.dataset.state = state;
    light.dataset.shown = "yes";
    light.querySelector(".light-words").textContent = light.dataset[`words${state[0].toUpperCase()}${state.slice(1)}`];
  }

  function logIn() {
    location.assign(`${page.login}?next=${encodeURIComponent(location.pathname + location.search)}`);
  }

  // --- telling -------------------------------------------------------------------------------------------------

  function announce(words) {
    const element = document.getElementById("announce");
    if (element) element.textContent = words;
  }

  function toast(words) {
    const element = document.createElement("p");
    element.className = "toast";
    element.textContent = words;
    document.getElementById("toasts")?.append(element);
    setTimeout(() => element.remove(), 6000);
  }

  document.addEventListener("toast", (event) => toast(event.detail.value ?? event.detail));
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      if (!event.defaultPrevented && !event.target.closest?.("#composer")) toast(page.wordsFailed);
    });
  }
})();

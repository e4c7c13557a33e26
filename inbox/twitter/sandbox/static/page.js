// The page works without this file. With it: a counter, brand names at a tap, and a timeline that keeps itself fresh.

const EVERY = 2000;

// -- counting as the server does, nearly; the server decides -------------------------------------------------------

const LIGHT = [[0, 4351], [8192, 8205], [8208, 8223], [8242, 8247]];
const LINK = /https?:\/\/\S+/g;
const letters = new Intl.Segmenter(undefined, {granularity: "grapheme"});

function weight(text) {
  let links = 0;
  const rest = text.normalize("NFC").replace(LINK, () => (links += 23, ""));
  let sum = links;
  for (const {segment} of letters.segment(rest)) {
    if (/\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(segment) && segment.codePointAt(0) > 255) sum += 2;
    else for (const sign of segment) {
      const code = sign.codePointAt(0);
      sum += LIGHT.some(([from, to]) => code >= from && code <= to) ? 1 : 2;
    }
  }
  return sum;
}

function count(form) {
  const counter = form.querySelector("[data-counter]");
  const left = 280 - weight(form.elements.text.value);
  counter.textContent = form.elements.text.value ? String(left) : "";
  counter.classList.toggle("near", left <= 20);
  counter.classList.toggle("over", left < 0);
  counter.setAttribute("aria-label", `${left} characters left`);
}

document.addEventListener("input", event => {
  const form = event.target.closest("[data-composer]");
  if (form && event.target.name === "text") count(form);
});
document.querySelectorAll("[data-composer]").forEach(count);

document.addEventListener("keydown", event => {
  const form = event.target.closest?.("[data-composer]");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

document.addEventListener("submit", event => {
  // A second press while the first is on its way would only be refused as a duplicate.
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach(form => delete form.dataset.sent));

// -- naming a brand ------------------------------------------------------------------------------------------------

document.addEventListener("click", event => {
  const link = event.target.closest("[data-name]");
  if (!link) return;
  event.preventDefault();
  const box = document.getElementById("composer-text");
  const name = `@${link.dataset.name} `;
  if (!box.value.includes(name.trim())) {
    box.setRangeText(name, box.selectionStart, box.selectionEnd, "end");
  }
  box.focus();
  count(box.form);
});

// Opened by hand, so that the very next key already lands in the box.
document.addEventListener("click", event => {
  const reply = event.target.closest("summary")?.parentElement;
  if (!reply?.matches("details.reply") || reply.open) return;
  event.preventDefault();
  reply.open = true;
  reply.querySelector("textarea").focus();
});

// -- a timeline that keeps itself fresh ----------------------------------------------------------------------------

let version = "";

async function look() {
  if (document.hidden) return;
  const address = new URL(location.pathname, location.href);
  address.searchParams.set("part", "yes");
  const answer = await fetch(address, {headers: version ? {"If-None-Match": version} : {}, cache: "no-store"});
  if (answer.status === 404) clearInterval(looking); // It is gone, and will not come back.
  if (!answer.ok) return;
  version = answer.headers.get("etag") ?? "";
  draw(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

function draw(fresh) {
  const feed = document.querySelector("[data-feed]");
  const next = fresh.querySelector("[data-feed]");
  if (feed && next) announce(merge(feed, next));
  for (const id of ["empty", "older", "headless"]) {
    const now = document.getElementById(id), then = fresh.getElementById(id);
    if (now && !then) now.remove();
    else if (now && then) now.replaceWith(then);
    else if (then) (id === "headless" ? feed.before(then) : feed.after(then));
  }
  drawEngine(fresh);
  times();
}

// Lines are told apart by their id. One in which somebody is writing, or has opened something, stays as it is.
function merge(feed, next) {
  const wanted = new Map([...next.children].map(line => [line.id, line]));
  for (const line of [...feed.children]) if (!wanted.has(line.id) && !isBusy(line)) line.remove();
  let added = 0, place = feed.firstElementChild;
  for (const line of wanted.values()) {
    const known = document.getElementById(line.id);
    if (!known) {
      if (feed.childElementCount) line.classList.add("new");
      feed.insertBefore(line, place);
      added += 1;
    } else {
      if (known === place) place = known.nextElementSibling;
      if (!isBusy(known) && plain(known) !== plain(line)) known.replaceWith(line);
    }
  }
  return added;
}

function isBusy(line) {
  return line.contains(document.activeElement) || line.querySelector("details[open]") !== null;
}

function plain(line) {
  const copy = line.cloneNode(true);
  copy.classList.remove("new");
  copy.querySelectorAll("time").forEach(time => time.textContent = "");
  copy.querySelectorAll("[data-counter]").forEach(counter => counter.replaceWith());
  return copy.outerHTML;
}

function drawEngine(fresh) {
  document.getElementById("deliveries")?.replaceWith(fresh.getElementById("deliveries"));
  const drawer = document.getElementById("drawer"), then = fresh.getElementById("drawer");
  if (!drawer || !then || drawer.contains(document.activeElement)) return;
  then.open = drawer.open;
  drawer.replaceWith(then);
}

function announce(added) {
  if (added) document.querySelector("[data-news]").textContent = added === 1 ? "One new tweet" : `${added} new tweets`;
}

// -- times as people say them --------------------------------------------------------------------------------------

const STEPS = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [604800, 86400, "day"]];
const words = new Intl.RelativeTimeFormat("en", {numeric: "auto", style: "narrow"});
const dates = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric"});
const instants = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "medium"});

function times() {
  for (const time of document.querySelectorAll("time")) {
    const said = new Date(time.dateTime);
    const age = (Date.now() - said) / 1000;
    const step = STEPS.find(([below]) => age < below);
    time.title = instants.format(said);
    time.textContent = !step ? dates.format(said) : age < 10 ? "now" : words.format(-Math.floor(age / step[1]), step[2]);
  }
}

times();
setInterval(times, 30000);
// Not on a page that says that there is none, and not on the answer to a form.
const looking = "looksAgain" in document.body.dataset && setInterval(() => look().catch(() => {}), EVERY);

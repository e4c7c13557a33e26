// The composer: counts as Twitter counts, keeps what is typed until it is sent, and notices when they write again.
(() => {
  "use strict";
  const URL_LENGTH = 23;
  const NEAR = 20;
  // Twitter's table: these code points weigh one, all others two; an emoji weighs two whatever it is made of.
  const LIGHT = [[0, 4351], [8192, 8205], [8208, 8223], [8242, 8247]];
  const EMOJI = /\p{RGI_Emoji}/gv;
  // Near enough for a hint (the server counts again): every ending after http, the common ones without.
  const ENDINGS = "com|org|net|edu|gov|mil|int|info|biz|name|museum|bar|app|dev|io|co|me|ly|tv|fm|gg|ai|uk|de|fr|es|pt|it|nl|be|lu|ch|at|se|no|fi|dk|is|ie|pl|cz|gr|tr|ru|ua|eu|us|ca|mx|au|nz|jp|kr|cn|hk|tw|sg|in|za|ng|ke|br|ar|cl|shop|store|site|online|blog|news|xyz|care|support|cloud|tech";
  const PATH = String.raw`(?::\d+)?(?:/(?:[a-z0-9!*';:=+,.$%#\[\]\-_~@&|/()\u00c0-\u024f\p{Script=Cyrillic}]*[a-z0-9=_#/+\-\u00c0-\u024f\p{Script=Cyrillic}])?)?(?:\?[a-z0-9!?*'();:&=+$/%#\[\]\-_.,~|@]*[a-z0-9\-_&=#/])?`;
  const LINK = new RegExp(
    String.raw`(?<![a-z0-9@$#＠＃])(?:https?://(?:[\p{L}\p{N}](?:[\p{L}\p{N}_\-]*[\p{L}\p{N}])?\.)+[\p{L}]{2,}` +
      String.raw`|(?<![\-_./])(?:[a-z0-9\u00c0-\u024f](?:[a-z0-9_\-\u00c0-\u024f]*[a-z0-9\u00c0-\u024f])?\.)+(?:${ENDINGS})(?![a-z0-9@]))${PATH}`,
    "giu",
  );

  function weigh(text) {
    let sum = 0;
    const weighing = (weight) => () => { sum += weight; return ""; };
    const rest = text.normalize("NFC").replace(LINK, weighing(URL_LENGTH)).replace(EMOJI, weighing(2));
    for (const letter of rest) {
      const point = letter.codePointAt(0);
      sum += LIGHT.some(([first, last]) => point >= first && point <= last) ? 1 : 2;
    }
    return sum;
  }

  const form = () => document.getElementById("composer");
  const field = () => document.getElementById("composer-text");
  const conversation = () => document.getElementById("pane")?.dataset.conversation;

  function showCount(weighed) {
    if (!form()) return;
    const way = form().querySelector('[name="way"]:checked, [name="way"][type="hidden"]');
    const limit = Number(way?.dataset.limit ?? form().dataset.limit);
    // A direct message is as long as its signs are many; tweets are weighed.
    const used = way?.value === "private" ? field().value.trim().length : weighed ?? weigh(field().value.trim());
    const count = form().querySelector("[data-count]");
    count.dataset.state = used > limit ? "over" : limit - used <= NEAR ? "near" : "fine";
    count.querySelector(".count-left").textContent = limit - used;
    count.querySelector(".count-arc").setAttribute("stroke-dasharray", `${Math.min(100, (used / limit) * 100)} 100`);
  }

  // Our own count is near enough while somebody types; the server's, which comes with the coach's advice, is exact.
  document.addEventListener("nightjar:weighed", ({ detail }) => { if (field()) showCount(detail.weight); });

  // --- what is typed stays in this tab until it is sent ---------------------------------------------------------

  const store = (name, text) => {
    try {
      if (text) sessionStorage.setItem(name, text);
      else sessionStorage.removeItem(name);
    } catch { /* Storage is full or off: the text is still on the page. */ }
  };
  const stored = (name) => {
    try {
      return sessionStorage.getItem(name);
    } catch {
      return null;
    }
  };

  function open() {
    const key = conversation();
    if (!key) return;
    if (stored(`sending:${key}`) !== null) {
      store(`sending:${key}`, null);
      if (!document.querySelector("#pane .notice-refusal")) {
        forget(key);
        document.getElementById("conversation").focus({ preventScroll: true }); // The single keys work again.
      }
    }
    if (form()) restore(key);
    showCount();
    showAnswered();
    showNewer();
  }

  // What was typed in this tab is newer than the draft that the server keeps, if it was typed into that draft.
  function restore(key) {
    const typed = stored(`draft:${key}`);
    if (typed === null) return;
    if (typed !== field().value) {
      if (field().value && stored(`draft-of:${key}`) !== held()) return;
      field().value = typed;
    }
    const to = stored(`draft-to:${key}`);
    if (messageOf(to)) answered().value = to; // Not what has come since: they see that they are behind it.
  }

  function remember() {
    const key = conversation();
    store(`draft:${key}`, field().value);
    store(`draft-of:${key}`, held());
    store(`draft-to:${key}`, answered().value);
  }

  function forget(key) {
    store(`draft:${key}`, null);
    store(`draft-of:${key}`, null);
    store(`draft-to:${key}`, null);
  }

  const held = () => document.getElementById("composer-reply")?.value || "new";

  document.addEventListener("input", (event) => {
    if (event.target.id !== "composer-text") return;
    remember();
    showCount();
    foot().querySelector(".notice-refusal")?.remove(); // It was about the words as they were.
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches('#composer [name="way"]')) showCount();
    if (!event.target.matches("[data-attach]") || !event.target.files.length) return;
    store(`sending:${conversation()}`, "yes"); // What is typed is kept with the file, in the draft.
    event.target.form.requestSubmit();
  });

  document.addEventListener("submit", (event) => {
    if (event.target.id === "composer") store(`sending:${conversation()}`, "yes");
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-save-draft], [data-discard]")) store(`sending:${conversation()}`, "yes");
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "composer-text" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      form().requestSubmit(form().querySelector("[data-send]"));
    } else if (event.key === "z" && !field().value) {
      const undo = document.querySelector('[data-undo] [data-key="z"]');
      if (undo) event.preventDefault();
      undo?.click();
    }
  });

  // --- what is typed is kept as a draft when one goes elsewhere ---------------------------------------------------

  async function keep() {
    const key = conversation();
    const typed = form() && stored(`draft:${key}`);
    if (!typed?.trim() || typed !== field().value || stored(`sending:${key}`) !== null) return;
    const body = new FormData(form());
    body.append("quietly", "yes");
    try {
      const response = await fetch(form().dataset.draftUrl, { method: "POST", body, keepalive: true });
      if (response.ok && stored(`draft:${key}`) === typed) forget(key);
    } catch { /* No network: it stays in this tab. */ }
  }

  addEventListener("pagehide", keep);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig?.verb === "get" && event.detail.target?.id === "conversation") keep();
  });
  // Undo puts other words into the composer: what was being typed is kept first.
  document.addEventListener("htmx:confirm", (event) => {
    if (!event.target.matches?.("[data-undo]") || !stored(`draft:${conversation()}`)) return;
    event.preventDefault();
    keep().finally(() => event.detail.issueRequest(true));
  });

  // No answer does not mean not sent: the person looks before sending again.
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      if (event.target.id !== "composer") return;
      store(`sending:${conversation()}`, null);
      window.nightjar.toast(form().dataset.wordsUnsure);
    });
  }

  // --- they wrote again -----------------------------------------------------------------------------------------

  const foot = () => document.querySelector("#pane > .pane-foot");
  const answered = () => document.getElementById("composer-in-reply-to");
  const messageOf = (pk) => document.getElementById(`m-${pk}`);

  function showAnswered() {
    for (const mark of document.querySelectorAll("[data-answering]")) mark.hidden = !answered() || mark.dataset.answering !== answered().value;
  }

  // The hint that what is being answered is not the newest any more, or is gone.
  function showNewer() {
    const hint = document.getElementById("composer-newer");
    if (!hint) return;
    const [to, newest] = [answered().value, foot().dataset.newest];
    const isGone = Boolean(messageOf(to)?.classList.contains("message-deleted"));
    hint.hidden = !to || !newest || !(isGone || BigInt(newest) > BigInt(to));
    hint.querySelector("[data-newer]").hidden = isGone;
    hint.querySelector("[data-gone]").hidden = !isGone;
  }

  function answer(pk) {
    answered().value = pk;
    takeWayOf(pk);
    remember();
    showAnswered();
    showNewer();
    answered().dispatchEvent(new Event("change", { bubbles: true })); // Whether it may be answered is asked again.
  }

  // What was said in private can be answered in private only.
  function takeWayOf(pk) {
    if (!messageOf(pk)?.classList.contains("message-private")) return;
    const way = form().querySelector('[name="way"][type="hidden"], [name="way"][value="private"]');
    if (way.type === "radio") way.checked = true;
    else [way.value, way.dataset.limit] = ["private", form().dataset.limitPrivate];
    showCount();
  }

  document.addEventListener("nightjar:redrawn", ({ detail: { fresh } }) => {
    const freshFoot = fresh.querySelector(".pane-foot");
    if (!freshFoot || fresh.getElementById("pane")?.dataset.conversation !== conversation()) return;
    const { newest } = freshFoot.dataset;
    foot().dataset.newest = newest;
    if (Boolean(form()) !== Boolean(freshFoot.querySelector("#composer"))) {
      if (!field()?.value) changeFoot(freshFoot);
    } else if (form() && !field().value && newest && newest !== answered().value) answer(newest);
    showAnswered();
    showNewer();
  });

  function changeFoot(freshFoot) {
    foot().replaceWith(document.importNode(freshFoot, true));
    window.htmx?.process(foot());
    showCount();
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-answer-newest]")) return;
    answer(foot().dataset.newest);
    field().focus();
  });

  window.nightjar = { ...window.nightjar, weigh };
  open();
  document.addEventListener("htmx:afterSettle", open);
})();

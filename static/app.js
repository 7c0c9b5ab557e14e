// What every page does by itself, beside htmx: theme, clocks that run, the crossing paint, keys, undo, saying when it is stale.
"use strict";
(() => {
  const STALE_MS = 4500, PAINT_MS = 880, HOLD_MS = 4000, TOAST_MS = 10000;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- theme: the system's, unless chosen here ----------------------------------------------------------------------
  const root = document.documentElement;
  const chosen = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (chosen()) root.dataset.theme = chosen();
  const toggleTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private window: for this page only */ }
  };

  // --- clocks: the box says how much is left, the page counts on from when it heard it ------------------------------
  const anchors = new WeakMap();
  const clockText = (us, up) => {
    const s = Math.max(0, up ? Math.floor(us / 1e6) : Math.ceil(us / 1e6)), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
  };
  const anchor = (clock) => {
    const { elapsed, remaining, state } = clock.dataset, said = `${elapsed} ${remaining} ${state}`;
    const known = anchors.get(clock);
    if (known?.said === said) return known;
    const fresh = { said, at: performance.now(), elapsed: +elapsed, remaining: remaining ? +remaining : null };
    anchors.set(clock, fresh);
    return fresh;
  };
  const tick = () => {
    for (const clock of $$("[data-clock]")) {
      const from = anchor(clock), figure = $("b", clock);
      if (clock.dataset.state !== "running" || !figure) continue;
      const gone = (performance.now() - from.at) * 1000, down = clock.dataset.counts === "down";
      const text = down ? clockText(from.remaining - gone, false) : clockText(from.elapsed + gone, true);
      if (figure.textContent !== text) figure.textContent = text;
      const whole = +clock.dataset.whole, bar = $(".progress .done", clock.closest("#band") ?? document);
      if (whole && bar) bar.setAttribute("width", Math.min(1000, Math.round(1000 * (from.elapsed + gone) / whole)));
    }
  };

  // --- crossings: painted for a second, also when the whole order is drawn again meanwhile --------------------------
  const painted = new Map();  // element id -> when its paint began
  const paint = () => {
    const now = performance.now();
    for (const row of $$("[data-hit]")) if (row.id && !painted.has(row.id)) {
      painted.set(row.id, now);
      setTimeout(() => {
        painted.delete(row.id);
        const drawn = document.getElementById(row.id);
        drawn?.removeAttribute("data-hit");
        drawn?.style.removeProperty("animation-delay");
      }, PAINT_MS);
    }
    for (const [id, begun] of painted) {
      const row = document.getElementById(id);
      if (!row || row.hasAttribute("data-hit")) continue;
      row.style.animationDelay = `${begun - now}ms`;
      row.setAttribute("data-hit", "");
    }
  };

  // --- the stream: when it last spoke, and nothing moves under a finger ---------------------------------------------
  let heard = performance.now(), heardAt = new Date(), connection = null, asking = false, asked = 0;
  let held = null, letGo = null, holdEnds = 0, focused = null;
  const fresh = () => {
    heard = performance.now(); heardAt = new Date();
    if (!("stale" in root.dataset)) return;
    delete root.dataset.stale;
    $("#stale .stale").hidden = true;
  };
  const stale = () => {
    if ("stale" in root.dataset) return;
    root.dataset.stale = "";
    $("#stale time").textContent = heardAt.toLocaleTimeString("en-GB");
    $("#stale .stale").hidden = false;
  };
  const watch = () => {
    const live = $("[data-live]");
    if (!live || held) return;
    const silent = performance.now() - heard;
    if (silent > STALE_MS) stale();
    // A stream that says nothing is cut, so that htmx connects anew; one that never came up is asked for again.
    if (silent > STALE_MS && performance.now() - asked > 2000) {
      asked = performance.now();
      if (connection) connection.reader?.cancel();
      else if (!asking) window.htmx?.process(live);
    }
  };
  const isLive = (event) => Boolean(event.detail.ctx?.sourceElement?.matches?.("[data-live]"));
  document.addEventListener("htmx:before:request", (event) => { if (isLive(event)) asking = true; });
  document.addEventListener("htmx:finally:request", (event) => { if (isLive(event)) asking = false; });
  const release = () => {
    if (!held) return;
    heard = performance.now();  // what was held back is news that came
    clearTimeout(holdEnds);
    letGo();
    held = letGo = null;
  };
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.("[data-hold]")) return;
    release();
    held = new Promise((done) => { letGo = done; });
    holdEnds = setTimeout(release, HOLD_MS);
  });
  for (const name of ["pointerup", "pointercancel", "blur"]) addEventListener(name, release);
  // A row is drawn anew at each crossing; who stands on one of its buttons with the keyboard goes on standing there.
  const standing = () => {
    const row = document.activeElement?.closest?.("[id^=row-]");
    return row ? { id: row.id, nth: $$("button", row).indexOf(document.activeElement) } : null;
  };
  document.addEventListener("htmx:sse:before:message", (event) => {
    fresh();
    focused = standing();
    const { message, waitUntil } = event.detail;
    if (held && /hx-target="#(order|row-|places)/.test(message.data)) waitUntil(held);
  });
  // Places change by moving rows: drawing all of them anew would cost a dropped frame with forty karts.
  const arrange = () => {
    const wanted = $("#places")?.dataset.places.trim().split(" ") ?? [];
    const body = document.getElementById(wanted[0])?.parentNode;
    if (!body) return;
    wanted.forEach((id, n) => {
      if (body.children[n]?.id !== id) body.insertBefore(document.getElementById(id), body.children[n]);
    });
  };
  document.addEventListener("htmx:sse:after:message", (event) => {
    if (event.detail.message.event) return;
    arrange(); tick(); paint();
    if (focused && document.activeElement === document.body) {
      $$("button", document.getElementById(focused.id) ?? undefined)[focused.nth]?.focus({ preventScroll: true });
    }
  });
  document.addEventListener("htmx:sse:after:connection", (event) => { connection = event.detail.connection; });
  document.addEventListener("htmx:sse:close", () => { connection = null; });
  document.addEventListener("htmx:sse:error", () => stale());

  // --- what the box says, at the foot of the page ---------------------------------------------------------------------
  const NO_ANSWER = "The box did not answer. Look at the flag before you try again.";
  let toastEnds = 0;
  const button = (text, act) => {
    const made = document.createElement("button");
    made.className = "btn"; made.type = "button"; made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };
  const say = (sentence, label = "Close", act = null) => {
    const toast = document.createElement("div"), words = document.createElement("span");
    toast.className = "toast";
    words.textContent = sentence;
    toast.append(words, button(label, () => { toast.remove(); act?.(); }));
    $("#toasts").replaceChildren(toast);
    clearTimeout(toastEnds);
    toastEnds = setTimeout(() => toast.remove(), TOAST_MS);
  };
  const sentenceOf = (text) => {
    try { const problem = JSON.parse(text); if (problem.detail) return problem.detail; } catch { /* HTML, then */ }
    return new DOMParser().parseFromString(text, "text/html").body.textContent.trim().slice(0, 400);
  };
  document.addEventListener("htmx:response:error", (event) => {
    if (!isLive(event)) say(sentenceOf(event.detail.ctx.text ?? "") || "The box refused this.");
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx && !isLive(event)) say(NO_ANSWER);
  });
  const token = () => {
    try { return JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRF-Token"]; } catch { return ""; }
  };
  const post = async (address, fields) => {
    const headers = { "X-CSRF-Token": token(), "HX-Request": "true" };
    const answer = await fetch(address, { method: "POST", headers, body: new URLSearchParams(fields) });
    if (!answer.ok) throw new Error(sentenceOf(await answer.text()) || "The box refused this.");
    return answer;
  };
  const wrong = (error) => say(error instanceof TypeError ? NO_ANSWER : error.message);
  window.trackd = { post, say, wrong, token, sentenceOf };

  // --- undo and redo, from every page -------------------------------------------------------------------------------
  let turning = Promise.resolve(), turnedLast = "";
  const turn = (name, of = "") => {
    turning = turning.then(async () => {
      // Of the act the page names, so that nobody takes back what they have not seen; a second press, of the one before.
      const shown = $("#undo")?.dataset.newest ?? "";
      const wanted = of || (name === "undo" && shown !== "0" && shown !== turnedLast ? shown : "");
      const done = await (await post("/console/undo", wanted ? { turn: name, of: wanted } : { turn: name })).json();
      turnedLast = name === "undo" ? String(done.of) : "";
      if ($("#undo")) return;                        // race control shows it in its own place
      const told = $("form.done")?.textContent;
      if (!$("[data-live]")) await reload();
      if (!told || $("form.done")?.textContent === told) say(done.said, done.again === "redo" ? "Redo" : "Undo", () => turn(done.again, done.of));
    }).catch(wrong);
  };
  const touched = (field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((each) => each.defaultSelected));
    return field.value !== field.defaultValue;
  };
  const half = (part) => $$("input, select, textarea", part).some(touched);
  // The page as it is now; a form somebody has begun to fill in stays as it is.
  const reload = async () => {
    const old = $("#main"), text = await (await fetch(location.href)).text();
    const now = new DOMParser().parseFromString(text, "text/html").getElementById("main");
    if (!old || !now) return;
    if (!half(old)) return void old.replaceChildren(...now.childNodes);
    const [before, after] = [old, now].map((main) => [...($(".page", main) ?? main).children]);
    if (before.length !== after.length) return;
    before.forEach((part, n) => { if (!half(part)) part.replaceWith(after[n]); });
  };

  // --- keys and buttons ---------------------------------------------------------------------------------------------
  const FIELD = "input, select, textarea, [contenteditable]", OWN_SPACE = "button, a, summary, [role=button]";
  const NAMES = { " ": "Space", "?": "?" };
  const command = (event) => {
    const key = event.key.toLowerCase();
    const name = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" && !event.shiftKey ? "redo" : "";
    if (!name || event.altKey || event.repeat || !token()) return;
    event.preventDefault();
    turn(name);
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || event.target.closest?.(FIELD) || $("dialog:modal")) return;
    if (event.ctrlKey || event.metaKey) return void command(event);
    if (event.altKey || event.repeat) return;
    const name = NAMES[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : "");
    if ($("dialog[open]") && name !== "Z") return;
    if (name === "?" && $("#key-list")) return void $("#key-list").showModal();
    if (!name || (name === "Space" && event.target.closest?.(OWN_SPACE))) return;
    const found = $(`[aria-keyshortcuts="${CSS.escape(name)}"]`);
    if (name === "Z" && token() && (!found || found.matches("[data-turn]"))) turn("undo");
    else if (found && !found.disabled) found.click();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-theme-toggle]")) toggleTheme();
    if (at("[data-print]")) print();
    if (at("[data-keys]")) $("#key-list")?.showModal();
    if (at("[data-turn]")) turn(at("[data-turn]").dataset.turn, at("[data-turn]").dataset.of);
    if (at('[aria-disabled="true"]')) {
      event.preventDefault(); event.stopPropagation();
      if (at("[data-reason]")) say(at("[data-reason]").dataset.reason);
    }
    // A key pressed after a click is meant for race control, not for the button clicked before.
    if (event.detail > 0) at("[aria-keyshortcuts]")?.blur();
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    tick();
    setInterval(() => { tick(); watch(); }, 200);
  });
  if (new URLSearchParams(location.search).has("print")) addEventListener("load", () => print());
})();

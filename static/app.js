// What a page does by itself, beside htmx: theme, clocks that run, the crossing paint, keys, and saying when it is stale.
"use strict";
(() => {
  const STALE_MS = 4500, PAINT_MS = 1000, HOLD_MS = 4000;
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
    for (const row of $$("[data-hit]")) if (!painted.has(row.id)) {
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
  let held = null, letGo = null, holdEnds = 0;
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
  document.addEventListener("htmx:sse:before:message", (event) => {
    fresh();
    const { message, waitUntil } = event.detail;
    if (held && /hx-target="#(order|row-)/.test(message.data)) waitUntil(held);
  });
  document.addEventListener("htmx:sse:after:message", (event) => { if (!event.detail.message.event) { tick(); paint(); } });
  document.addEventListener("htmx:sse:after:connection", (event) => { connection = event.detail.connection; });
  document.addEventListener("htmx:sse:close", () => { connection = null; });
  document.addEventListener("htmx:sse:error", () => stale());

  // --- alarm: trouble of now is heard too, once when it comes and again while it lasts -------------------------------
  const ALARM_AGAIN_MS = 20000, alarmed = new Map();  // case id -> when it last sounded
  let audio = null;
  // Browsers let a page sound only after somebody has touched it; signing in and giving orders does that.
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => {
    if (!$("#inbox")) return;
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume();
  });
  const beep = () => {
    if (audio?.state !== "running") return;
    for (const [after, pitch] of [[0, 880], [0.22, 660], [0.44, 880]]) {
      const tone = audio.createOscillator(), gain = audio.createGain();
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0.25, audio.currentTime + after);
      gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + after + 0.2);
      tone.connect(gain).connect(audio.destination);
      tone.start(audio.currentTime + after);
      tone.stop(audio.currentTime + after + 0.2);
    }
  };
  const alarm = () => {
    const now = performance.now(), bad = $$('#inbox .case[data-kind="bad"]').map((each) => each.id);
    if ("stale" in root.dataset && $("#inbox")) bad.push("stale");
    for (const id of alarmed.keys()) if (!bad.includes(id)) alarmed.delete(id);
    const due = bad.filter((id) => !(now - alarmed.get(id) < ALARM_AGAIN_MS));
    for (const id of due) alarmed.set(id, now);
    if (due.length) { root.dataset.alarm = due.join(" "); beep(); }
    else if (!bad.length) delete root.dataset.alarm;
  };

  // --- refusals: the box's own sentence -----------------------------------------------------------------------------
  const say = (sentence) => {
    const toast = document.createElement("div");
    toast.className = "toast";
    const words = document.createElement("span"), close = document.createElement("button");
    words.textContent = sentence;
    close.className = "btn"; close.type = "button"; close.textContent = "Close";
    close.addEventListener("click", () => toast.remove());
    toast.append(words, close);
    $("#toasts").replaceChildren(toast);
    setTimeout(() => toast.remove(), 10000);
  };
  const sentenceOf = (text) => {
    try { const problem = JSON.parse(text); if (problem.detail) return problem.detail; } catch { /* HTML, then */ }
    return new DOMParser().parseFromString(text, "text/html").body.textContent.trim().slice(0, 400);
  };
  document.addEventListener("htmx:response:error", (event) => {
    if (!isLive(event)) say(sentenceOf(event.detail.ctx.text ?? "") || "The box refused this.");
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx && !isLive(event)) say("The box did not answer. Look at the flag before you try again.");
  });

  // --- keys and buttons ---------------------------------------------------------------------------------------------
  const FIELD = "input, select, textarea, [contenteditable]", OWN_SPACE = "button, a, summary, [role=button]";
  const NAMES = { " ": "Space", "?": "?" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest?.(FIELD) || $("dialog[open]")) return;
    const name = NAMES[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : "");
    if (name === "?" && $("#keys[aria-labelledby]")) return void $("#keys").showModal();
    if (!name || (name === "Space" && event.target.closest?.(OWN_SPACE))) return;
    const button = $(`[aria-keyshortcuts="${CSS.escape(name)}"]`);
    if (!button) return;
    event.preventDefault();
    if (!button.disabled && button.getAttribute("aria-disabled") !== "true") button.click();
  });
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-theme-toggle]")) toggleTheme();
    if (at("[data-print]")) print();
    if (at('[aria-disabled="true"]')) { event.preventDefault(); event.stopPropagation(); }
    // A key pressed after a click is meant for race control, not for the button clicked before.
    if (event.detail > 0) at("[aria-keyshortcuts]")?.blur();
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    tick();
    setInterval(() => { tick(); watch(); alarm(); }, 200);
  });
})();

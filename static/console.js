// Race control beside what every page does: sounds, the badge, times that count on, the undo that drains, tiles to time by hand.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;
  const { post, say, wrong } = window.trackd;
  const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  // --- times that count on from when the box told them ----------------------------------------------------------------
  const anchors = new WeakMap();
  const gone = (element, said) => {                 // microseconds since this was said
    const known = anchors.get(element);
    if (known?.said !== said) anchors.set(element, { said, at: performance.now() });
    return (performance.now() - anchors.get(element).at) * 1000;
  };
  const ageText = (us) => {
    const s = Math.floor(Math.max(0, us) / 1e6);
    return s < 60 ? `${s} s` : `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  };
  const count = () => {
    for (const each of $$("[data-age]")) {
      const us = +each.dataset.age + gone(each, each.dataset.age);
      write(each, us >= 60e6 && each.dataset.then ? each.dataset.then : ageText(us));
    }
    for (const each of $$("[data-due]")) {
      const us = +each.dataset.due - gone(each, each.dataset.due);
      write(each, us < -3e6 ? `${ageText(-us)} late` : us < 1e6 ? "now" : ageText(us));
    }
  };

  // --- undo: it stands out for ten seconds and stays ------------------------------------------------------------------
  const DRAINS_US = 10e6;
  const drain = () => {
    const toast = $("#undo .toast");
    if (!toast) return;
    const left = Math.max(0, +toast.dataset.left - gone(toast, `${toast.dataset.left} ${toast.textContent}`));
    toast.style.setProperty("--left", (left / DRAINS_US).toFixed(3));
    toast.toggleAttribute("data-over", !left);
  };

  // --- what is to be decided: on the badge, in the title, and heard ---------------------------------------------------
  const ALARM_AGAIN_MS = 20000, TOO_LATE_MS = 3000, heard = new Map();  // case id -> when it last sounded
  let audio = null, first = true;
  // Browsers let a page sound only after somebody has touched it; signing in and giving orders does that.
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => {
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume();
  });
  const play = async (notes, loud) => {
    if (!audio) return;
    const asked = performance.now();
    await audio.resume();                          // it takes a moment to begin after the first touch
    if (performance.now() - asked > TOO_LATE_MS) return;
    for (const [after, pitch] of notes) {
      const tone = audio.createOscillator(), gain = audio.createGain();
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(loud, audio.currentTime + after);
      gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + after + 0.2);
      tone.connect(gain).connect(audio.destination);
      tone.start(audio.currentTime + after);
      tone.stop(audio.currentTime + after + 0.2);
    }
  };
  const alarm = () => {
    const now = performance.now(), cases = new Map($$("#inbox .case").map((each) => [each.id, each.dataset.sound]));
    if ("stale" in root.dataset) cases.set("stale", "alarm");
    for (const id of heard.keys()) if (!cases.has(id)) heard.delete(id);
    const due = [...cases].filter(([id, sound]) => !heard.has(id) || (sound === "alarm" && now - heard.get(id) > ALARM_AGAIN_MS));
    for (const [id] of due) heard.set(id, now);
    const bad = due.filter(([, sound]) => sound === "alarm" || (sound === "once" && !first)).map(([id]) => id);
    if (bad.length) { root.dataset.alarm = bad.join(" "); play([[0, 880], [0.22, 660], [0.44, 880]], 0.25); }
    else if (due.length && !first) play([[0, 587], [0.16, 784]], 0.06);
    if (![...cases.values()].some((sound) => sound !== "soft")) delete root.dataset.alarm;
    first = false;
  };
  const badge = () => {
    const cases = $$("#inbox .case").length, mark = $("[data-badge]"), heat = $("#band h1")?.textContent ?? "";
    const venue = document.title.split(" · ").pop(), title = `${cases ? `(${cases}) ` : ""}${heat} · ${venue}`;
    if (document.title !== title) document.title = title;
    mark.hidden = !cases;
    write(mark, String(cases));
    mark.toggleAttribute("data-kind", false);
    if ($('#inbox .case[data-kind="bad"]')) mark.dataset.kind = "bad";
  };

  // --- timing by hand: a press counts when the finger goes down -------------------------------------------------------
  const HIT_MS = 400, TYPING_MS = 5000;
  let typed = "", typedEnds = 0;
  const isOn = () => "tapping" in root.dataset;
  const open = (on) => {
    root.toggleAttribute("data-tapping", on);
    $("#tap-key").setAttribute("aria-pressed", String(on));
    try { sessionStorage.setItem("tap", on ? "1" : ""); } catch { /* private window */ }
    type("");
  };
  const type = (text) => {
    typed = text;
    clearTimeout(typedEnds);
    if (text) typedEnds = setTimeout(() => type(""), TYPING_MS);
    show();
  };
  const show = () => { const place = $("#typed"); if (place) write(place, typed ? `Kart ${typed}, press Enter` : ""); };
  const hit = (tile) => {
    tile.setAttribute("data-hit", "");
    setTimeout(() => document.getElementById(tile.id)?.removeAttribute("data-hit"), HIT_MS);
  };
  const tap = (tile) => {
    if (tile.getAttribute("aria-disabled") === "true") return void say("That kart is in, or the heat does not run.");
    hit(tile);
    const session = tile.closest("[data-session]").dataset.session;
    post(`/console/sessions/${session}/orders`, { order: "tap", kart: tile.dataset.tap }).catch(wrong);
  };
  document.addEventListener("pointerdown", (event) => {
    const tile = event.button === 0 && event.target.closest?.("[data-tap]");
    if (tile) tap(tile);
  });
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("#tap-key")) open(!isOn());
    else if (at("[data-tap-open]")) open(true);
    else if (event.detail === 0 && at("[data-tap]")) tap(at("[data-tap]"));   // by keyboard
  });
  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest?.("input, select, textarea, [contenteditable]") || $("dialog[open]")) return;
    if (/^[0-9]$/.test(event.key)) type((typed + event.key).slice(0, 8));
    else if (typed && event.key === "Backspace") type(typed.slice(0, -1));
    else if (typed && event.key === "Escape") type("");
    else if (typed && event.key === "Enter") {
      const tile = $(`[data-tap="${CSS.escape(typed)}"]`);
      if (tile) tap(tile); else say(`There is no kart ${typed} in this heat.`);
      type("");
    } else return;
    event.preventDefault();
  });

  const news = () => { count(); drain(); badge(); show(); };
  document.addEventListener("htmx:sse:after:message", (event) => { if (!event.detail.message.event) news(); });
  document.addEventListener("DOMContentLoaded", () => {
    try { if (sessionStorage.getItem("tap")) open(true); } catch { /* private window */ }
    news();
    alarm();
    setInterval(() => { count(); drain(); alarm(); }, 200);
  });
})();

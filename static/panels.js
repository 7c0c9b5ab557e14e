// What opens on top of race control: the why of a number, and the forms of orders. One dialog at the place of the inbox,
// so that the live order stays in sight and under the mouse; on a phone it takes the whole screen.
"use strict";
(() => {
  const PHONE = "(max-width: 760px)", REFRESH_MS = 1000, TYPING_MS = 900, FORESEE_MS = 200;
  const FIELD = "input:not([type=radio], [type=checkbox]), select, textarea, [contenteditable]";
  const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const { token, sentenceOf } = window.trackd;

  // --- the dialog -------------------------------------------------------------------------------------------------
  let dialog = null, inside = null, says = null;
  let url = "", before = [], opener = null;          // what is shown, what was shown before it, where the focus came from
  const build = () => {
    dialog = $("#panel") ?? document.body.appendChild(Object.assign(document.createElement("dialog"), { id: "panel" }));
    dialog.className = "panel";
    dialog.setAttribute("aria-labelledby", "panel-title");
    dialog.innerHTML = '<div id="panel-says" role="alert" hidden></div><div id="panel-in"></div>';
    [says, inside] = dialog.children;
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  };
  const isOpen = () => Boolean(dialog?.open);
  const close = () => {
    if (!isOpen()) return;
    dialog.close();
    asking?.abort();
    coming = null;
    inside.replaceChildren();
    say("");
    mark(null);
    delete dialog.dataset.more;
    [url, before] = ["", []];
    const [row, selector, at] = opener ?? [];
    opener = null;
    document.activeElement?.blur();                // a dialog gives the focus back by itself, also after a click
    if (!selector) return;
    const target = $$(selector)[at] ?? $(`#${CSS.escape(row || "none")} [data-why]`) ?? $("#live");
    target?.focus({ preventScroll: true });
  };
  const show = (from, byHand) => {
    if (!dialog) build();
    if (isOpen()) return;
    // The focus goes back to where it was, though rows are drawn anew meanwhile. After a click, or a letter that called a
    // tool, it was nowhere: the next key is meant for race control.
    const name = from.hasAttribute("data-why") ? "data-why" : "data-panel";
    const same = `[${name}="${CSS.escape(from.getAttribute(name))}"]`;
    opener = byHand || document.activeElement !== from ? null : [from.closest("tr")?.id, same, $$(same).indexOf(from)];
    if (matchMedia(PHONE).matches) return void dialog.showModal();
    const place = $(".work");
    if (place && dialog.parentNode !== place) place.append(dialog);
    dialog.show();
  };
  const say = (sentence) => {
    says.hidden = !sentence;
    says.textContent = sentence;
  };

  // --- asking the box ---------------------------------------------------------------------------------------------
  const NOT_POSSIBLE = '<header><h2 id="panel-title" class="grow" tabindex="-1">Not possible</h2>'
    + '<button class="btn" data-kind="bare" type="button" data-close>Close</button></header>';
  const NO_ANSWER = "The box did not answer. Look at the order of karts before you try again.";
  const ask = async (address, options = {}) => {
    const headers = { "HX-Request": "true", "X-CSRF-Token": token(), ...options.headers };
    const answer = await fetch(address, { ...options, headers });
    const text = await answer.text();
    if (answer.ok) return text;
    throw Object.assign(new Error(sentenceOf(text) || "The box refused this."), { status: answer.status });
  };
  const wrong = (error) => {
    if (error.name === "AbortError") return;
    if (!inside.firstElementChild) inside.innerHTML = NOT_POSSIBLE;
    say(error instanceof TypeError ? NO_ANSWER : error.message);
  };

  // --- showing a panel ----------------------------------------------------------------------------------------------
  let asking = null, coming = null;                // the request under way, and the keys pressed until its panel is there
  let loading = null;
  const load = (address, options) => loading = fetched(address, options);
  const fetched = async (address, { focus: wanted = true } = {}) => {
    asking?.abort();
    const mine = asking = new AbortController();
    const focus = wanted || coming !== null;       // it takes the place of a panel somebody waits for
    stale = false;
    if (focus) coming ??= giving?.splice(0) ?? [];
    try {
      const html = await ask(address, { signal: mine.signal });
      if (mine.signal.aborted || !isOpen()) return;
      const same = path(url) === path(address) && inside.firstElementChild && window.htmx;
      url = address;
      if (same) await htmx.swap({ text: html, target: inside, sourceElement: inside, swap: "innerMorph" });
      else inside.innerHTML = html;
      settle(focus);
      if (focus) { const keys = coming ?? []; coming = null; replay(keys); }
    } catch (error) {
      if (error.name === "AbortError") return;
      coming = null;
      wrong(error);
      if (error.status === 404) $("header[data-fresh]", inside)?.removeAttribute("data-fresh");
      if (focus && !dialog.contains(document.activeElement)) $("#panel-title", dialog)?.focus();
    }
  };
  const replay = (keys) => {
    while (keys.length && !coming) {
      const key = keys.shift(), at = document.activeElement;
      if (!isOpen()) { at.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })); continue; }
      if (!at.matches(FIELD)) { if (key === "Enter" || key === " ") at.click(); else onKey({ key, target: at }); continue; }
      if (key === "Enter") { if (!onKey({ key, target: at })) at.form?.requestSubmit(); continue; }
      if (key.length > 1 || !at.setRangeText) continue;
      at.setRangeText(key, at.selectionStart, at.selectionEnd, "end");
      at.dispatchEvent(new Event("input", { bubbles: true }));
    }
    coming?.push(...keys);
  };
  const settle = (focus) => {
    const previous = $("[data-back]", inside), more = $("[data-more]", inside), lap = $(".lap[aria-expanded=true]", inside);
    if (previous) previous.hidden = !before.length;
    more?.setAttribute("aria-expanded", String("more" in dialog.dataset));
    if (lap) url = of(lap);                        // a lap that ends now must not take the place of the one in hand
    if (!focus) return;
    typed = "";
    say("");
    if (lap) { lap.focus({ preventScroll: true }); lap.parentNode.scrollIntoView({ block: "nearest" }); }
    else ($("[data-first]:not(:disabled), .pad-kart:not([aria-disabled]), .answer:not([aria-disabled])", inside)
          ?? $("#panel-title", inside))?.focus({ preventScroll: true });
    foresee();
  };
  const open = (address, from, byHand = false) => {
    show(from, byHand);
    if (url && dialog.contains(from)) before.push(url);
    else if (url !== address) before = [];
    load(address);
  };
  window.trackd.open = open;
  const goBack = () => { const last = before.pop(); if (last) load(last); else close(); };
  const done = (fields) => {                        // back to the kart or the log from where it was asked, past the pads
    const swapped = fields.get("order") === "swap_kart" && fields.get("to");
    while (before.length) {
      const last = before.pop();
      if (!/\/karts\/|\/forms\/incident/.test(last)) continue;
      return void load(swapped ? last.replace(/\/karts\/.*/, `/karts/${encodeURIComponent(swapped)}`) : last);
    }
    close();
  };
  const path = (address) => address.split("?")[0];
  const kart = () => /\/karts\/[^/?]+/.test(url);

  // News of the session: the kart that is shown may have crossed, or somebody else decided about it.
  let due = 0, asked = 0, stale = false;
  const refresh = () => {
    if (!isOpen() || !$("header[data-fresh]", inside) || due) return;
    due = setTimeout(() => {
      due = 0;
      if (coming) return void refresh();           // somebody is on the way to another panel
      asked = performance.now();
      if (isOpen() && $("header[data-fresh]", inside)) load(url, { focus: false });
    }, Math.max(0, asked + REFRESH_MS - performance.now()));
  };
  document.addEventListener("htmx:sse:after:message", (event) => {
    if (event.detail.message.event) return;
    stale = true;
    refresh();
  });

  // --- giving an order ----------------------------------------------------------------------------------------------
  const session = () => /\/console\/sessions\/([^/]+)\//.exec(url)?.[1] ?? "";
  let giving = null;                                // while one is under way: the keys pressed since, meant for what follows
  const give = async (fields, { stay = false } = {}) => {
    if (giving) return;
    giving = [];
    say("");
    const from = path(url), body = new URLSearchParams();
    for (const [name, value] of fields) if (typeof value === "string") body.append(name, value);
    try {
      await ask(`/console/sessions/${session()}/orders`, { method: "POST", body });
      if (!isOpen() || path(url) !== from || coming) return;   // somebody went on meanwhile
      const reason = $("#panel-reason", inside);
      if (reason) reason.value = "";
      if (kart()) {
        await load(url, { focus: false });
        if (document.activeElement === document.body) $(".lap[aria-expanded=true], #panel-title", inside)?.focus();
      } else if (stay) {
        inside.replaceChildren();
        await load(url);
      } else done(fields);
      const keys = giving;
      giving = null;
      replay(keys);
    } catch (error) { wrong(error); } finally { giving = null; }
  };
  const settled = async () => {                    // what is shown is what the box knows: a later load takes an earlier's place
    for (let last = null; stale || last !== loading; await last) {
      if (stale) load(url, { focus: false });
      last = loading;
    }
  };
  const CHANGED = "The laps have changed meanwhile. Look again, then decide.";
  const isOff = (button) => button.getAttribute("aria-disabled") === "true";
  const send = async (pressedOn) => {
    let button = pressedOn;
    if (button.id.startsWith("deed-")) {             // acts name laps by number: the number must be that of the lap in hand
      const key = $(".lap[aria-expanded=true]", inside)?.dataset.lap;
      await settled();
      button = document.getElementById(button.id);
      if (!button || key !== $(".lap[aria-expanded=true]", inside)?.dataset.lap) return void say(CHANGED);
    }
    if (isOff(button)) return void say(button.title || $("small", button)?.textContent || "Not possible now.");
    const fields = new FormData(button.closest("form") ?? undefined);
    for (const [name, value] of Object.entries(JSON.parse(button.dataset.send))) fields.set(name, value);
    const reason = button.dataset.with && document.getElementById(button.dataset.with);
    if (reason?.value) fields.set("reason", reason.value);
    give(fields);
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("#panel form[data-order]");
    if (!form) return;
    event.preventDefault();
    const fields = new FormData(form);
    if (event.submitter?.name) fields.set(event.submitter.name, event.submitter.value);
    fields.set("order", form.dataset.order);
    give(fields, { stay: "stay" in form.dataset });
  });

  // --- what a penalty would do, before it is given ------------------------------------------------------------------
  let looking = 0, foreseeing = null;
  const foresee = () => {
    const form = $("form[data-foresee]", inside), shown = $(".foreseen", inside);
    clearTimeout(looking);
    foreseeing?.abort();
    if (!form) return;
    const fields = new FormData(form);
    if (!fields.get("choice")) return void shown.replaceChildren();
    fields.set("order", form.dataset.order);
    looking = setTimeout(async () => {
      foreseeing = new AbortController();
      const address = `${form.dataset.foresee}?${new URLSearchParams(fields)}`;
      try {
        shown.innerHTML = await ask(address, { signal: foreseeing.signal });
      } catch (error) {
        if (error.name !== "AbortError") shown.textContent = error instanceof TypeError ? "" : error.message;
      }
    }, FORESEE_MS);
  };
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("form[data-foresee]")) foresee();
    if (event.target.matches?.("[data-search]")) find(event.target.value);
  });
  document.addEventListener("change", (event) => {
    const { value, dataset } = event.target;
    if (event.target.matches?.("#panel [data-reload]")) load(dataset.reload + encodeURIComponent(value));
  });

  // --- finding a kart: its row is marked, Enter opens its panel -----------------------------------------------------
  let marked = "";
  const mark = (row) => {
    $(".live tr[aria-selected]")?.removeAttribute("aria-selected");
    marked = row ?? "";
    const found = marked && document.getElementById(marked);
    if (!found) return;
    found.setAttribute("aria-selected", "true");
    found.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("htmx:sse:after:message", () => { if (marked && !$(".live tr[aria-selected]")) mark(marked); });
  const find = (text) => {
    const wanted = text.trim().toLowerCase(), found = [];
    for (const each of $$("[data-find]", inside)) {
      const of = each.dataset.find.toLowerCase(), number = of.split(" ")[0];
      each.parentNode.hidden = !(/^\d/.test(wanted) ? number.startsWith(wanted) : of.includes(wanted));
      if (!each.parentNode.hidden) found.push(each);
    }
    found.sort((a, b) => (b.dataset.find.split(" ")[0] === wanted) - (a.dataset.find.split(" ")[0] === wanted));
    $("[data-none]", inside).hidden = Boolean(found.length);
    mark(wanted ? found[0]?.dataset.row : null);
    return found[0];
  };

  // --- pointer --------------------------------------------------------------------------------------------------------
  // Capturing: a tool that is not possible now still opens, and its form says why.
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("#panel")) return void inPanel(event, at);
    const why = at("[data-why]"), tool = at("[data-panel]");
    if (!why && !tool) return;
    event.preventDefault();
    open(why?.dataset.why ?? tool.dataset.panel, why ?? tool, event.detail > 0);
  }, true);
  const inPanel = (event, at) => {
    const button = at("button, [data-panel]");
    if (!button) return;
    if (at("[data-send]") || isOff(button)) { event.preventDefault(); return void send(button); }
    if (at("[data-close]")) return void close();
    if (at("[data-back]")) return void goBack();
    if (at("button[data-more]")) {
      if ("more" in dialog.dataset) delete dialog.dataset.more; else dialog.dataset.more = "";
      return void button.setAttribute("aria-expanded", String("more" in dialog.dataset));
    }
    if (at("[data-lap]")) return void choose(at("[data-lap]"));
    if (at("[data-panel]")) return void open(at("[data-panel]").dataset.panel, at("[data-panel]"));
  };
  document.addEventListener("contextmenu", (event) => {
    const why = event.target.closest?.("[data-why]");
    if (!why) return;
    event.preventDefault();
    open(why.dataset.why, why, event.button === 2);
  });
  const of = (lap) => {
    const number = lap.hasAttribute("data-struck") ? 0 : lap.dataset.number;
    return `${path(url)}?crossing=${lap.dataset.lap}&lap=${number}`;
  };
  const choose = (lap) => load(of(lap));

  // --- keys -----------------------------------------------------------------------------------------------------------
  let typed = "", typedAt = 0;
  const pick = (digit) => {                         // a kart on a pad by its number
    if (performance.now() - typedAt > TYPING_MS) typed = "";
    [typed, typedAt] = [typed + digit, performance.now()];
    const tiles = $$(".pad-kart[data-kart]", inside);
    const found = tiles.find((tile) => tile.dataset.kart === typed)
      ?? tiles.find((tile) => tile.dataset.kart.startsWith(typed));
    found?.focus();
    return Boolean(found);
  };
  const walk = (by) => {
    const laps = $$(".lap", inside), at = laps.findIndex((lap) => lap.getAttribute("aria-expanded") === "true");
    const next = laps[at + by];
    if (next) choose(next);
    return laps.length > 0;
  };
  const trap = (event) => {
    const all = $$(FOCUSABLE, dialog).filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility());
    if (!all.length) return;
    const at = document.activeElement, first = all[0], last = all[all.length - 1];
    const out = !dialog.contains(at) || (event.shiftKey ? at === first : at === last);
    if (out) { event.preventDefault(); (event.shiftKey ? last : first).focus(); }
  };
  const letter = (key) => {
    const button = $$(`[data-key="${CSS.escape(key)}"]`, inside).find((each) => each.checkVisibility());
    // What a panel does not use stays race control's: a flag can always be shown, and panels leave those letters alone.
    const found = button ?? $$(":is(.flag-key, #undo .btn, #acts .tool):not(:disabled, [aria-disabled=true])")
      .find((each) => each.getAttribute("aria-keyshortcuts") === key);
    found?.click();
    return Boolean(found);
  };
  const onKey = (event) => {
    if (event.key === "Escape") { close(); return true; }
    if (event.key === "Enter" && event.target.matches?.("[data-search]")) {
      find(event.target.value)?.click();
      return true;
    }
    if (event.target.closest?.(FIELD)) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      return !event.target.matches?.("input") && walk(event.key === "ArrowDown" ? 1 : -1);
    }
    if (event.repeat || event.key.length !== 1 || event.key === " ") return false;
    return (/^[0-9]$/.test(event.key) && pick(event.key)) || letter(event.key.toUpperCase());
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!isOpen()) {
      const why = event.key === "Enter" && event.target.closest?.("[data-why]:not(button, a)");
      if (why) { event.preventDefault(); open(why.dataset.why, why); }
      return;
    }
    if (event.key === "Tab") return void trap(event);
    const ahead = coming ?? giving;                // typed ahead: it is meant for the panel that is on its way
    if (ahead && event.key !== "Escape") {
      const twice = ahead === giving && !giving.length && /^( |Enter)$/.test(event.key);
      if (!twice && !event.repeat && (event.key.length === 1 || /^(Enter|Arrow)/.test(event.key))) ahead.push(event.key);
      event.preventDefault();
      return void event.stopPropagation();
    }
    if (onKey(event)) { event.preventDefault(); event.stopPropagation(); }
  }, true);
})();

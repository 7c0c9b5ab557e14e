// The pit tablet's own memory: which kart is chosen here, and the other kart of a swap. Everything else comes from the box.
"use strict";
(() => {
  const pit = document.getElementById("pit");
  const $$ = (selector) => [...pit.querySelectorAll(selector)];
  let chosen = "", other = "", swapping = false;   // ids of sheets and the number of a kart

  const show = () => {
    for (const sheet of $$(".kart-sheet")) {
      const mine = sheet.id === chosen, form = sheet.querySelector(".swap");
      sheet.hidden = !mine;
      form.hidden = !(mine && swapping);
      form.elements.to.value = mine ? other : "";
      form.querySelector(".other").textContent = mine && other
        ? `Kart ${form.elements.from.value} for kart ${other}:` : "Touch the kart the driver takes instead.";
      for (const button of form.querySelectorAll("[name=since]")) button.disabled = !(mine && other);
    }
    for (const tile of $$(".tile")) {
      tile.setAttribute("aria-pressed", String(tile.dataset.sheet === chosen));
      tile.toggleAttribute("data-other", swapping && tile.dataset.kart === other);
    }
    pit.toggleAttribute("data-swapping", swapping);
  };
  const choose = (sheet) => { chosen = sheet; other = ""; swapping = false; show(); };

  pit.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector), tile = at(".tile");
    if (tile && swapping && tile.dataset.sheet !== chosen) { other = tile.dataset.kart; show(); }
    else if (tile) choose(tile.dataset.sheet === chosen && !swapping ? "" : tile.dataset.sheet);
    else if (at("[data-swap]")) { swapping = true; other = ""; show(); }
    else if (at("[data-no-swap]")) choose(chosen);
  });
  // A swap that was carried out: the driver is in the other kart now, and so is the sheet.
  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx ?? {};
    if (sourceElement?.matches?.(".swap") && response?.raw?.ok) {
      choose(pit.querySelector(`.tile[data-kart="${CSS.escape(other)}"]`)?.dataset.sheet ?? "");
    }
  });
  // What is chosen here stays as it is when the box sends a kart anew.
  htmx.config.morphIgnore = [...htmx.config.morphIgnore, "aria-pressed", "data-other", "hidden"];
  document.addEventListener("htmx:sse:after:message", (event) => { if (!event.detail.message.event) show(); });
})();

// A kart's plate dragged onto another row: those two change karts. The panel of the swap then asks for the rest.
"use strict";
(() => {
  const DRAG_PX = 8;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  let drag = null;
  const rowAt = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest(".live tbody tr");
  const plateOf = (row) => $(".plate", row)?.textContent.trim();
  document.addEventListener("pointerdown", (event) => {
    const plate = event.pointerType === "mouse" && event.button === 0 && event.target.closest?.(".live td.kart .plate");
    if (!plate) return;
    event.preventDefault();
    drag = { from: plate.textContent.trim(), x: event.clientX, y: event.clientY, ghost: null };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || (!drag.ghost && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < DRAG_PX)) return;
    drag.ghost ??= Object.assign(document.createElement("span"), { className: "plate dragged", textContent: drag.from });
    if (!drag.ghost.isConnected) document.body.append(drag.ghost);
    drag.ghost.style.translate = `${event.clientX + 10}px ${event.clientY + 10}px`;
    const over = rowAt(event);
    for (const row of $$(".live tr[data-drop]")) if (row !== over) row.removeAttribute("data-drop");
    if (over && plateOf(over) !== drag.from) over.setAttribute("data-drop", "");
  });
  const drop = (event) => {
    const { from, ghost } = drag ?? {};
    drag = null;
    ghost?.remove();
    for (const row of $$(".live tr[data-drop]")) row.removeAttribute("data-drop");
    const row = ghost && event.type === "pointerup" && rowAt(event), to = row && plateOf(row);
    const tool = $("#acts [data-panel$='/forms/swap']");
    if (to && to !== from && tool) window.trackd.open(`${tool.dataset.panel}?${new URLSearchParams({ kart: from, to })}`, tool);
  };
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, drop);
})();

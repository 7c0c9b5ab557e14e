// The corners of a layout on its line. All is in metres along the line from the start; a place on the map is looked up there.
"use strict";
(() => {
  const root = document.querySelector("[data-corners]");
  if (!root) return;
  const $ = (selector, within = document) => within.querySelector(selector);
  const given = JSON.parse($("#data").content.textContent);
  const NS = "http://www.w3.org/2000/svg", AROUND_M = 15, NEAR_M = 60, MARGIN_M = 25, LEAST_M = 1;
  const { x: xs, y: ys, s: ss, kmh } = given, LENGTH_M = ss.at(-1), map = $("#map");
  const { token, sentenceOf } = window.trackd;
  const told = kmh.every((each) => each !== null);
  let corners = given.corners.map((each) => ({ ...each })), chosen = -1, adding = false;

  // --- the line -----------------------------------------------------------------------------------------------------
  const indexOf = (at) => Math.max(0, Math.min(ss.length - 1, Math.round(at / LENGTH_M * (ss.length - 1))));
  const placeOf = (at) => [xs[indexOf(at)], -ys[indexOf(at)]];
  const speedOf = (at) => kmh[indexOf(at)];
  const nearest = ([x, y], from = 0, to = LENGTH_M) => {
    let best = from, least = Infinity;
    for (let i = indexOf(from); i <= indexOf(to); i += 1) {
      const away = (xs[i] - x) ** 2 + (-ys[i] - y) ** 2;
      if (away < least) [best, least] = [ss[i], away];
    }
    return Math.min(to, Math.max(from, best));
  };
  const tenth = (value) => Math.round(value * 10) / 10;

  // --- kinds: below the first cut slow, above the second fast ------------------------------------------------------------
  const number = (text) => (text.trim() ? +text.trim().replace(",", ".") : NaN);
  const written = () => {
    const texts = [$("#slow").value, $("#fast").value];
    return texts.every((each) => !each.trim()) ? null : texts.map(number);
  };
  const quantile = (sorted, part) => {
    const at = part * (sorted.length - 1), low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };
  const cuts = () => {
    const own = written();
    if (own) return own;
    const speeds = corners.map((each) => speedOf(each.apex_m)).sort((a, b) => a - b);
    return [quantile(speeds, 1 / 3), quantile(speeds, 2 / 3)];
  };
  const kindOf = (corner) => {
    const [low, high] = cuts(), speed = speedOf(corner.apex_m);
    return !told ? corner.kind : speed < low ? "slow" : speed > high ? "fast" : "medium";
  };

  // --- the picture --------------------------------------------------------------------------------------------------
  const make = (name, attributes, text) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const spread = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const [west, east] = spread(xs), [south, north] = spread(ys);
  map.setAttribute("viewBox", [west - MARGIN_M, -north - MARGIN_M, east - west + 2 * MARGIN_M, north - south + 2 * MARGIN_M].map((each) => each.toFixed(1)).join(" "));
  const pathOf = (from, to) => {
    const points = [];
    for (let i = indexOf(from); i <= indexOf(to); i += 1) points.push(`${xs[i]} ${-ys[i]}`);
    return `M${points.join("L")}`;
  };
  const pixel = () => { const scale = map.getScreenCTM()?.a; return scale ? 1 / scale : 0.5; };      // metres
  const beside = (corner, metres) => {             // outside the bend
    const i = indexOf(corner.apex_m), a = Math.max(0, i - 2), b = Math.min(ss.length - 1, i + 2);
    const dx = xs[b] - xs[a], dy = ys[b] - ys[a], long = Math.hypot(dx, dy) || 1, side = corner.direction === "right" ? 1 : -1;
    return [xs[i] - side * dy / long * metres, -(ys[i] + side * dx / long * metres)];
  };
  const HANDLES = [["entry_m", "Entry"], ["apex_m", "Apex"], ["exit_m", "Exit"]];
  const draw = () => {
    const px = pixel(), held = document.activeElement?.dataset?.handle;
    map.toggleAttribute("data-adding", adding);
    $("#add").setAttribute("aria-pressed", String(adding));
    map.replaceChildren(make("path", { class: "road", d: pathOf(0, LENGTH_M) }), make("path", { class: "way", d: pathOf(0, LENGTH_M) }));
    const [sx, sy] = placeOf(0);
    map.append(make("circle", { class: "start", cx: sx, cy: sy, r: 5 * px }), make("text", { x: sx + 9 * px, y: sy - 9 * px, "font-size": 13 * px }, "start"));
    corners.forEach((corner, index) => {
      const group = make("g", { class: "bend", "data-corner": index, "data-kind": corner.kind });
      if (index === chosen) group.setAttribute("data-chosen", "");
      group.append(make("path", { class: "grip", d: pathOf(corner.entry_m, corner.exit_m) }), make("path", { class: "window", d: pathOf(corner.entry_m, corner.exit_m) }));
      const [x, y] = beside(corner, 20 * px + 6);
      group.append(make("text", { class: "strong", x, y: y + 5 * px, "text-anchor": "middle", "font-size": 15 * px }, corner.name));
      map.append(group);
    });
    if (corners[chosen]) {
      for (const [of, words] of HANDLES) {
        const corner = corners[chosen], [x, y] = placeOf(corner[of]);
        const node = make("g", { class: "handle", "data-handle": of, tabindex: 0, role: "slider", "aria-label": `${words} of ${corner.name}, metres`,
          "aria-valuemin": 0, "aria-valuemax": Math.round(LENGTH_M), "aria-valuenow": Math.round(corner[of]) });
        node.append(make("circle", { class: "reach", cx: x, cy: y, r: 16 * px }), of === "apex_m"
          ? make("rect", { x: x - 7 * px, y: y - 7 * px, width: 14 * px, height: 14 * px, transform: `rotate(45 ${x} ${y})` })
          : make("circle", { class: "end", cx: x, cy: y, r: 8 * px }));
        map.append(node);
        if (of === held) node.focus({ preventScroll: true });
      }
    }
    list();
  };
  const list = () => {
    $("#count").textContent = corners.length;
    $("#list tbody").replaceChildren(...corners.map((corner, index) => {
      const row = document.createElement("tr");
      row.innerHTML = '<th scope="row"><button class="btn" data-kind="bare" type="button"></button></th><td class="num"></td><td class="num"></td><td class="num"></td><td></td>';
      const speed = speedOf(corner.apex_m), button = $("button", row);
      button.textContent = corner.name;
      button.dataset.choose = index;
      button.setAttribute("aria-pressed", String(index === chosen));
      [corner.entry_m.toFixed(1), corner.exit_m.toFixed(1), speed === null ? "·" : speed.toFixed(1), corner.kind || "·"].forEach((text, i) => { row.cells[i + 1].textContent = text; });
      return row;
    }));
  };
  const fields = () => {                           // of the chosen corner
    const place = $("#chosen"), corner = corners[chosen];
    if (!corner) {
      place.innerHTML = `<p class="quiet">${adding ? "Press the track where the apex of the corner is." : "None is chosen."}</p>`;
      return;
    }
    if (!$("[data-of]", place)) place.replaceChildren($("#this-corner").content.cloneNode(true));
    for (const field of place.querySelectorAll("[data-of]")) {
      const { of } = field.dataset;
      if (field !== document.activeElement) field.value = of.endsWith("_m") ? corner[of].toFixed(1) : corner[of];
    }
  };
  const choose = (index) => { chosen = index; adding = false; $("#chosen").replaceChildren(); draw(); fields(); };
  const renumber = () => {                         // those that have no name of their own
    const one = corners[chosen];
    corners.sort((a, b) => a.entry_m - b.entry_m);
    corners.forEach((each, index) => { if (/^T\d+$/.test(each.name)) each.name = `T${index + 1}`; });
    chosen = corners.indexOf(one);
  };
  const move = (of, wanted) => {                   // never over its neighbours, nor entry over exit
    const corner = corners[chosen], before = corners[chosen - 1]?.exit_m ?? 0, after = corners[chosen + 1]?.entry_m ?? LENGTH_M;
    const [low, high] = { entry_m: [before, Math.min(corner.apex_m, corner.exit_m - LEAST_M)], apex_m: [corner.entry_m, corner.exit_m], exit_m: [Math.max(corner.apex_m, corner.entry_m + LEAST_M), after] }[of];
    corner[of] = tenth(Math.max(low, Math.min(high, wanted)));
    if (of === "apex_m") corner.kind = kindOf(corner);
    draw();
    fields();
  };
  const add = (at) => {
    const there = corners.find((each) => each.entry_m <= at && at <= each.exit_m);
    if (there) return void fault([`${there.name} is there already.`]);
    const before = Math.max(0, ...corners.filter((each) => each.exit_m <= at).map((each) => each.exit_m));
    const after = Math.min(LENGTH_M, ...corners.filter((each) => each.entry_m >= at).map((each) => each.entry_m));
    const corner = { name: "T0", entry_m: tenth(Math.max(before, at - AROUND_M)), apex_m: tenth(at), exit_m: tenth(Math.min(after, at + AROUND_M)), kind: "", direction: "" };
    corner.kind = kindOf(corner);
    corners.push(corner);
    fault([]);
    chosen = corners.length - 1;
    renumber();
    choose(chosen);
  };
  const fault = (sentences) => {
    const note = $("#faults");
    note.hidden = !sentences.length;
    $("div", note).replaceChildren(...sentences.map((each) => Object.assign(document.createElement("p"), { textContent: each })));
  };

  // --- hands --------------------------------------------------------------------------------------------------------
  const where = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    return [point.x, point.y];
  };
  let dragging = "";
  map.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (adding) return void add(nearest(where(event)));
    const handle = event.target.closest("[data-handle]"), bend = event.target.closest("[data-corner]");
    if (handle) {
      dragging = handle.dataset.handle;
      map.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    } else if (bend) choose(+bend.dataset.corner);
  });
  map.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    const at = corners[chosen][dragging];          // looked for near where it was: not on the straight beside
    move(dragging, nearest(where(event), Math.max(0, at - NEAR_M), Math.min(LENGTH_M, at + NEAR_M)));
  });
  for (const end of ["pointerup", "pointercancel"]) map.addEventListener(end, () => { dragging = ""; });
  map.addEventListener("keydown", (event) => {
    const of = event.target.dataset?.handle, way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (event.key === "Enter" && adding) {
      const edges = [0, ...corners.flatMap((each) => [each.entry_m, each.exit_m]), LENGTH_M];
      const gaps = edges.filter((_, i) => i % 2 === 0).map((from, i) => [edges[2 * i + 1] - from, from]).sort((a, b) => b[0] - a[0]);
      add(tenth(gaps[0][1] + gaps[0][0] / 2));
    } else if (of && way && !event.ctrlKey && !event.metaKey && !event.altKey) move(of, corners[chosen][of] + way * (event.shiftKey ? 10 : 1));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  $("#chosen").addEventListener("change", ({ target: { dataset: { of }, value } }) => {
    const corner = corners[chosen];
    if (!corner || !of) return;
    if (of.endsWith("_m")) {
      if (Number.isFinite(number(value))) move(of, number(value));
    } else corner[of] = value.trim() || corner[of];
    document.activeElement?.blur?.();
    draw();
    fields();
  });
  for (const field of ["#slow", "#fast"]) $(field).addEventListener("change", () => {
    if (written()?.some((each) => !Number.isFinite(each))) return;
    for (const each of corners) each.kind = kindOf(each);
    draw();
    fields();
  });
  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest?.(selector);
    if (on("#add")) { adding = !adding; chosen = -1; draw(); fields(); map.focus({ preventScroll: true }); }
    else if (on("[data-choose]")) { choose(+on("[data-choose]").dataset.choose); $(`[data-choose="${chosen}"]`)?.focus(); }
    else if (on("[data-drop]")) { corners.splice(chosen, 1); chosen = -1; renumber(); choose(-1); }
  });
  $("#keep").addEventListener("submit", async (event) => {
    event.preventDefault();
    const own = written();
    const wanted = { corners, reference: given.reference, version: given.version, cuts_kmh: own?.map((each) => (Number.isFinite(each) ? each : null)) ?? null };
    try {
      const answer = await fetch(`/console/layouts/corners?layout=${root.dataset.corners}`, { method: "POST", body: JSON.stringify(wanted),
        headers: { "Content-Type": "application/json", "X-CSRF-Token": token() } });
      const text = await answer.text();
      if (!answer.ok) return void fault([sentenceOf(text) || "The box refused this."]);
      const { next, faults = [] } = JSON.parse(text);
      if (next) location.assign(next); else fault(faults);
    } catch { fault(["The box did not answer. Nothing was saved."]); }
  });
  [$("#slow").value, $("#fast").value] = given.cuts_kmh ?? ["", ""];
  addEventListener("resize", draw);
  draw();
  fields();
})();

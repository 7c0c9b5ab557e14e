// Drawing a layout on the trace of a recording. Everything is in metres east and north of the middle of the trace; only
// what is saved is in degrees. A line knows its two ends and the direction that counts.
"use strict";
(() => {
  const root = document.querySelector("[data-draw]");
  if (!root) return;
  const $ = (selector, within = document) => within.querySelector(selector);
  const read = (id) => JSON.parse(document.getElementById(id).content.textContent);
  const NS = "http://www.w3.org/2000/svg", HALF_M = 8, STEP_M = 1, TRY_MS = 250;
  const { token, sentenceOf } = window.trackd;

  // --- the plane ----------------------------------------------------------------------------------------------------
  const trace = read("trace"), body = read("body");
  const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
  const lon0 = middle(trace.map((each) => each[0])), lat0 = middle(trace.map((each) => each[1]));
  const rad = Math.PI / 180, curve = 1 - 0.00669437999014 * Math.sin(lat0 * rad) ** 2;
  const eastM = rad * 6378137 / Math.sqrt(curve) * Math.cos(lat0 * rad), northM = rad * 6378137 * (1 - 0.00669437999014) / curve ** 1.5;
  const toPlane = ([lon, lat]) => [(lon - lon0) * eastM, (lat - lat0) * northM];
  const toWorld = ([x, y]) => [+(lon0 + x / eastM).toFixed(8), +(lat0 + y / northM).toFixed(8)];
  const way = trace.map(toPlane);
  const far = 4 * Math.max(1, [...way].map((p) => Math.hypot(...p)).sort((a, b) => a - b)[Math.floor(way.length * 0.95)]);
  const shown = way.filter((p) => Math.hypot(...p) < far);

  // --- lines --------------------------------------------------------------------------------------------------------
  let lines = body.features.filter((each) => each.properties.role !== "reference").map((each) => {
    const [a, b] = [each.geometry.coordinates[0], each.geometry.coordinates.at(-1)].map(toPlane);
    return { role: each.properties.role, a, b, heading: each.properties.heading_deg ?? null };
  });
  const { corners, corner_cuts_kmh } = body.properties, kept = { ...corners && { corners }, ...corner_cuts_kmh && { corner_cuts_kmh } };
  const others = body.features.filter((each) => each.properties.role === "reference");
  let chosen = lines.length ? 0 : -1, adding = lines.length ? "" : "start_finish";
  const nameOf = (role) => ({ start_finish: "Start", pit_in: "Pit in", pit_out: "Pit out" })[role] ?? role.replace("sector:", "Sector ");
  const centre = (line) => [(line.a[0] + line.b[0]) / 2, (line.a[1] + line.b[1]) / 2];
  const across = (line) => {                       // the unit vector in the direction that counts
    const length = Math.hypot(line.b[0] - line.a[0], line.b[1] - line.a[1]) || 1;
    const n = [-(line.b[1] - line.a[1]) / length, (line.b[0] - line.a[0]) / length];
    const h = (line.heading ?? 0) * rad;
    return n[0] * Math.sin(h) + n[1] * Math.cos(h) < 0 ? [-n[0], -n[1]] : n;
  };
  const compass = ([x, y]) => +((Math.atan2(x, y) / rad + 360) % 360).toFixed(2);
  const at = (index, half = HALF_M) => {           // ends and direction of a line across the way at a sample
    const p = way[index], before = way[Math.max(0, index - 2)], after = way[Math.min(way.length - 1, index + 2)];
    const length = Math.hypot(after[0] - before[0], after[1] - before[1]) || 1;
    const d = [(after[0] - before[0]) / length, (after[1] - before[1]) / length];
    return { a: [p[0] - d[1] * half, p[1] + d[0] * half], b: [p[0] + d[1] * half, p[1] - d[0] * half], heading: compass(d) };
  };
  const nearest = (x, y) => {
    let best = 0, least = Infinity;
    for (const [index, p] of way.entries()) {
      const away = (p[0] - x) ** 2 + (p[1] - y) ** 2;
      if (away < least) [best, least] = [index, away];
    }
    return best;
  };
  const halfOf = (line) => Math.hypot(line.b[0] - line.a[0], line.b[1] - line.a[1]) / 2;
  const renumber = () => {                         // sectors in the order in which they are driven after the start
    const start = lines.find((each) => each.role === "start_finish"), sectors = lines.filter((each) => each.role.startsWith("sector"));
    const first = start ? nearest(...centre(start)) : 0;
    const when = new Map(sectors.map((each) => {
      const place = nearest(...centre(each));
      let index = way.findIndex((p, i) => i > first && Math.hypot(p[0] - way[place][0], p[1] - way[place][1]) < 6);
      return [each, index < 0 ? place + way.length : index];
    }));
    sectors.sort((one, other) => when.get(one) - when.get(other)).forEach((each, index) => { each.role = `sector:${index + 1}`; });
  };

  // --- the picture --------------------------------------------------------------------------------------------------
  const map = $("#map");
  const xs = shown.map((p) => p[0]), ys = shown.map((p) => p[1]), MARGIN = 25;
  const least = (values) => values.reduce((a, b) => Math.min(a, b)), most = (values) => values.reduce((a, b) => Math.max(a, b));
  let view = [least(xs) - MARGIN, -most(ys) - MARGIN, most(xs) - least(xs) + 2 * MARGIN, most(ys) - least(ys) + 2 * MARGIN];
  const whole = [...view];
  const make = (name, attributes) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const pathOf = (points) => `M${points.map((p) => `${p[0].toFixed(2)} ${(-p[1]).toFixed(2)}`).join("L")}`;
  const unit = () => view[2] / (map.clientWidth || 600);       // metres a pixel
  const draw = () => {
    map.setAttribute("viewBox", view.map((each) => each.toFixed(2)).join(" "));
    const px = unit();
    map.replaceChildren(make("path", { class: "way", d: pathOf(shown) }));
    lines.forEach((line, index) => {
      const group = make("g", { class: "line", "data-line": index });
      if (index === chosen) group.setAttribute("data-chosen", "");
      const [cx, cy] = centre(line), [dx, dy] = across(line), tip = [cx + dx * 26 * px, cy + dy * 26 * px];
      group.append(make("path", { class: "gate", d: pathOf([line.a, line.b]) }), make("path", { class: "grip", d: pathOf([line.a, line.b]) }));
      group.append(make("path", { class: "arrow", d: `${pathOf([[cx, cy], tip])}${pathOf([[tip[0] - (dx - dy * 0.6) * 9 * px, tip[1] - (dy + dx * 0.6) * 9 * px], tip, [tip[0] - (dx + dy * 0.6) * 9 * px, tip[1] - (dy - dx * 0.6) * 9 * px]])}` }));
      const text = make("text", { x: line.b[0] + 8 * px, y: -line.b[1], "font-size": 14 * px, class: "strong" });
      text.textContent = nameOf(line.role);
      group.append(text);
      if (index === chosen) for (const end of ["a", "b"]) group.append(make("circle", { class: "end", cx: line[end][0], cy: -line[end][1], r: 9 * px, "data-end": end }));
      map.append(group);
    });
    for (const button of document.querySelectorAll("[data-role]")) button.setAttribute("aria-pressed", String(button.dataset.role === adding));
    map.toggleAttribute("data-adding", Boolean(adding));
    tell();
  };
  const tell = () => {
    const place = $("#chosen"), line = lines[chosen];
    place.replaceChildren();
    if (!line) { place.innerHTML = `<p class="quiet">${adding ? `Press the track where ${nameOf(adding === "sector" ? "the next sector" : adding).toLowerCase()} is.` : "None is chosen."}</p>`; return; }
    place.append($("#line-acts").content.cloneNode(true));
    $(".strong", place).textContent = nameOf(line.role);
    $(".soft", place).textContent = `${(2 * halfOf(line)).toFixed(1)} m long, counts towards ${Math.round(compass(across(line)))}°.`;
  };

  // --- laps that come of it -----------------------------------------------------------------------------------------
  const geojson = () => {
    const form = new FormData($("#layout")), properties = { ...kept, name: form.get("name").trim(), direction: form.get("direction").trim() };
    for (const limit of ["min_lap_s", "max_lap_s"]) {
      const text = form.get(limit).trim().replace(",", ".");
      if (text) properties[limit] = Number.isFinite(+text) ? +text : text;
    }
    const features = lines.map((line) => ({ type: "Feature", properties: { role: line.role, heading_deg: compass(across(line)) },
      geometry: { type: "LineString", coordinates: [line.a, line.b].map(toWorld) } }));
    return { type: "FeatureCollection", properties, features: [...features, ...others] };
  };
  const send = async (address, data, signal) => {
    const answer = await fetch(address, { method: "POST", body: JSON.stringify(data), signal,
      headers: { "Content-Type": "application/json", "X-CSRF-Token": token() } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(sentenceOf(text) || "The box refused this.");
    return JSON.parse(text);
  };
  const fault = (sentences) => {
    const note = $("#faults");
    note.hidden = !sentences.length;
    $("div", note).replaceChildren(...sentences.map((each) => Object.assign(document.createElement("p"), { textContent: each })));
  };
  let due = 0, asking = null;
  const attempt = () => {
    clearTimeout(due);
    due = setTimeout(async () => {
      asking?.abort();
      asking = new AbortController();
      const wanted = geojson();
      wanted.properties.name ||= "unnamed";
      try { show(await send(`/console/layouts/try?recording=${root.dataset.draw}`, wanted, asking.signal)); } catch (error) {
        if (error.name !== "AbortError") show({ laps: [], faults: [] });
      }
    }, TRY_MS);
  };
  const show = ({ laps }) => {
    const full = laps.filter((each) => each.full), best = full.filter((each) => each.quality === "valid").sort((a, b) => a.seconds - b.seconds)[0];
    $("#found").textContent = full.length;
    $("#laps tbody").replaceChildren(...laps.map((each) => {
      const row = document.createElement("tr");
      row.innerHTML = '<th scope="row"></th><td class="num"></td><td class="small soft"></td>';
      row.children[0].textContent = each.name;
      row.children[1].textContent = each.time;
      row.children[1].classList.toggle("strong", each === best);
      row.children[2].textContent = each.quality === "invalid" ? "does not count" : each.sectors.map((time) => time || "·").join("  ");
      if (!each.full || each.quality === "invalid") row.className = "soft";
      return row;
    }));
  };
  const past = [];                                  // the lines as they were before each change: Z takes that back first
  let steady = JSON.stringify(lines);
  const renewed = () => { renumber(); draw(); attempt(); };
  const changed = () => { past.push(steady); renewed(); steady = JSON.stringify(lines); };
  const back = () => { steady = past.pop(); lines.splice(0, lines.length, ...JSON.parse(steady)); chosen = -1; renewed(); };

  // --- hands --------------------------------------------------------------------------------------------------------
  const where = (event) => {
    const box = map.getScreenCTM().inverse(), point = new DOMPoint(event.clientX, event.clientY).matrixTransform(box);
    return [point.x, -point.y];
  };
  const add = (role, place) => {
    const sector = role === "sector", known = sector ? -1 : lines.findIndex((each) => each.role === role);
    const line = { role: sector ? "sector:99" : role, ...at(nearest(...place)) };
    if (known >= 0) lines[known] = line; else lines.push(line);
    chosen = lines.indexOf(line);
    adding = "";
    changed();
    map.focus({ preventScroll: true });
  };
  let dragging = null;
  map.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const place = where(event);
    if (adding) return void add(adding, place);
    const group = event.target.closest("[data-line]");
    if (!group) { dragging = { pan: place }; map.setPointerCapture(event.pointerId); return; }
    chosen = +group.dataset.line;
    dragging = { line: lines[chosen], end: event.target.dataset.end ?? "", from: place };
    map.setPointerCapture(event.pointerId);
    draw();
  });
  map.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    const place = where(event), { line, end } = dragging;
    if (dragging.pan) {
      view[0] -= place[0] - dragging.pan[0];
      view[1] += place[1] - dragging.pan[1];
    } else if (end) {
      const before = across(line);
      line[end] = place;
      line.heading = compass(before);
      line.heading = compass(across(line));
    } else {
      const by = [place[0] - dragging.from[0], place[1] - dragging.from[1]];
      for (const each of ["a", "b"]) line[each] = [line[each][0] + by[0], line[each][1] + by[1]];
      dragging.from = place;
    }
    draw();
  });
  const drop = () => { if (dragging && !dragging.pan) changed(); dragging = null; };
  map.addEventListener("pointerup", drop);
  map.addEventListener("pointercancel", drop);
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [x, y] = where(event), by = Math.min(whole[2] * 1.5 / view[2], Math.max(0.02 * whole[2] / view[2], 1.0015 ** event.deltaY));
    view = [x - (x - view[0]) * by, -y - (-y - view[1]) * by, view[2] * by, view[3] * by];
    draw();
  }, { passive: false });
  const along = (line, by) => {                    // to the place on the way so many metres further
    let index = nearest(...centre(line)), left = Math.abs(by);
    const step = Math.sign(by), half = halfOf(line), flipped = across(line), there = () => way[index + step];
    while (there() && left > 0) { left -= Math.hypot(there()[0] - way[index][0], there()[1] - way[index][1]); index += step; }
    Object.assign(line, at(index, half));
    if (flipped[0] * across(line)[0] + flipped[1] * across(line)[1] < 0) turn(line);
  };
  const turn = (line) => { line.heading = compass(across(line).map((each) => -each)); };
  const longer = (line, by) => {
    const [cx, cy] = centre(line), half = halfOf(line), factor = Math.max(1, half + by) / half;
    for (const end of ["a", "b"]) line[end] = [cx + (line[end][0] - cx) * factor, cy + (line[end][1] - cy) * factor];
  };
  const takeAway = () => { lines.splice(chosen, 1); chosen = -1; changed(); };
  const KEYS = {
    ArrowRight: (line) => along(line, STEP_M), ArrowLeft: (line) => along(line, -STEP_M), ArrowUp: (line) => longer(line, 0.5),
    ArrowDown: (line) => longer(line, -0.5), t: turn, T: turn, Delete: null, Backspace: null,
  };
  map.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && adding) { event.preventDefault(); return void add(adding, way[way.length >> 1]); }
    const line = lines[chosen];
    if (!line || !(event.key in KEYS)) return;
    event.preventDefault();
    event.stopPropagation();
    const act = KEYS[event.key];
    if (!act) return void takeAway();
    act(line);
    changed();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || event.shiftKey || event.altKey || !past.length || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) back();
  }, true);
  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest?.(selector), line = lines[chosen];
    if (on("[data-role]")) { const { role } = on("[data-role]").dataset; adding = adding === role ? "" : role; chosen = -1; draw(); map.focus({ preventScroll: true }); }
    else if (line && on("[data-turn-line]")) { turn(line); changed(); }
    else if (line && on("[data-straight]")) { Object.assign(line, at(nearest(...centre(line)), halfOf(line))); changed(); }
    else if (line && on("[data-drop]")) takeAway();
  });
  $("#layout").addEventListener("input", attempt);
  $("#layout").addEventListener("submit", async (event) => {
    event.preventDefault();
    const layout = event.submitter?.value === "new" ? "" : root.dataset.layout;
    try {
      const { next } = await send(`/console/layouts/save?recording=${root.dataset.draw}&layout=${layout}`, geojson());
      location.assign(next);
    } catch (error) { fault([error instanceof TypeError ? "The box did not answer. Nothing was saved." : error.message]); }
  });
  addEventListener("resize", draw);
  draw();
  attempt();
})();

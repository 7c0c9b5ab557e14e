// The picture of a lap: speed and delta over distance, drawn for the width they get, and one cursor through both and the
// map. Everything is told per step of the overlay; null is where nobody knows.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("lap-data").content.textContent);
  const $ = (id) => document.getElementById(id);
  const plot = $("plot"), speed = $("speed"), delta = $("delta"), map = $("map"), readout = $("readout");
  const at = data.at_m, laps = data.laps, last = at.length - 1, length = at[last], letters = "abcd";
  const others = laps.slice(1), NS = "http://www.w3.org/2000/svg", PRINTED = 700, MS = 1000;
  const make = (name, attributes, text = "") => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const minus = (text) => text.replace("-", "−");
  const seconds = (ms) => Math.abs(ms) < 5 ? "0.00" : (ms > 0 ? "+" : "") + minus((ms / MS).toFixed(2));
  let chosen = 0, drawn = 0, onPaper = false, scales = [];

  // --- drawing ------------------------------------------------------------------------------------------------------
  const stepOf = (range, most) => [1, 2, 5, 10, 15, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 60000]
    .find((each) => range / each <= most) ?? range;
  const extent = (rows) => {
    const told = rows.flat().filter((each) => each !== null);
    return told.length ? [Math.min(...told), Math.max(...told)] : [0, 1];
  };
  const lineOf = (values, x, y) => {
    let path = "", pen = "M";
    values.forEach((value, index) => {
      if (value === null) { pen = "M"; return; }
      path += `${pen}${x(at[index]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    });
    return path;
  };
  const frame = (svg, width, height, foot, low, high, step, label) => {
    const left = 44, right = width - 10, top = 12, bottom = height - foot;
    const x = (m) => left + (right - left) * m / length, y = (v) => bottom - (bottom - top) * (v - low) / (high - low || 1);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) {
      svg.append(make("path", { class: v === 0 && low < 0 ? "zero" : "axis", d: `M${left} ${y(v).toFixed(1)}H${right}` }),
        make("text", { x: left - 8, y: (y(v) + 4).toFixed(1), "text-anchor": "end" }, label(v)));
    }
    return { x, y, left, right, top, bottom };
  };
  const cursorOf = (svg, scale, rows, classes) => {
    const line = make("path", { class: "cursor" });
    const dots = rows.map((_, index) => make("circle", { class: `dot ${classes[index]}`, r: 5 })).reverse();
    svg.append(line, ...dots);
    return (index) => {
      const x = scale.x(at[index]).toFixed(1);
      line.setAttribute("d", `M${x} ${scale.top - 6}V${scale.bottom}`);
      dots.toReversed().forEach((dot, row) => {
        const value = rows[row][index];
        dot.style.display = value === null ? "none" : "";
        if (value !== null) { dot.setAttribute("cx", x); dot.setAttribute("cy", scale.y(value).toFixed(1)); }
      });
    };
  };
  const drawSpeed = (width) => {
    const rows = laps.map((lap) => lap.kmh), [least, most] = extent(rows), step = stepOf(most - least, 5);
    const scale = frame(speed, width, width < 500 ? 220 : 250, 26, Math.floor(least / step) * step, Math.ceil(most / step) * step, step, String);
    let free = -Infinity;
    for (const [number, m] of data.corners) {
      const x = scale.x(m);
      speed.append(make("path", { class: "corner", d: `M${x.toFixed(1)} ${scale.top}V${scale.bottom}` }));
      if (x - free < 13) continue;                 // the next number would stand on this one
      speed.append(make("text", { x: x.toFixed(1), y: scale.bottom + 16, "text-anchor": "middle" }, number));
      free = x;
    }
    rows.map((row, index) => make("path", { class: `l ${letters[index]}`, d: lineOf(row, scale.x, scale.y) })).reverse()
      .forEach((each) => speed.append(each));
    return cursorOf(speed, scale, rows, laps.map((_, index) => `f${letters[index]}`));
  };
  const drawDelta = (width) => {
    const rows = others.map((lap) => lap.ms), [least, most] = extent([...rows, [0]]), step = stepOf(Math.max(most - least, 40), 4);
    const digits = step < 100 ? 2 : 1, label = (v) => v === 0 ? "0" : (v > 0 ? "+" : "") + minus((v / MS).toFixed(digits));
    const scale = frame(delta, width, width < 500 ? 110 : 130, 10, Math.floor(least / step) * step, Math.max(step, Math.ceil(most / step) * step), step, label);
    if (rows.length === 1) {
      for (const [kind, side] of [["behind", Math.max], ["ahead", Math.min]]) {
        const filled = rows[0].map((value) => side(0, value ?? 0));
        delta.prepend(make("path", { class: kind, d: `M${scale.x(0).toFixed(1)} ${scale.y(0).toFixed(1)}${lineOf(filled, scale.x, scale.y).replace("M", "L")}L${scale.x(length).toFixed(1)} ${scale.y(0).toFixed(1)}Z` }));
      }
    }
    const one = rows.length === 1;
    rows.forEach((row, index) => delta.append(make("path", { class: `l ${one ? "ink" : letters[index + 1]}`, d: lineOf(row, scale.x, scale.y) })));
    return cursorOf(delta, scale, rows, others.map((_, index) => one ? "fi" : `f${letters[index + 1]}`));
  };
  const spots = map ? laps.map((_, index) => make("circle", { class: `dot f${letters[index]}`, r: 9 })) : [];
  [...spots].reverse().forEach((spot) => map.append(spot));
  const placed = (index) => spots.forEach((spot, row) => {
    const place = laps[row].xy[index];
    spot.style.display = place ? "" : "none";
    if (place) { spot.setAttribute("cx", place[0]); spot.setAttribute("cy", place[1]); }
  });
  const draw = (width) => {
    scales = [drawSpeed(width), ...(delta ? [drawDelta(width)] : []), placed];
    show(chosen);
  };

  // --- the cursor ---------------------------------------------------------------------------------------------------
  const told = (name, letter) => {
    const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.className = "quiet row";
    if (letter) {
      const swatch = make("svg", { class: "swatch", viewBox: "0 0 26 10", "aria-hidden": "true" });
      swatch.append(make("path", { class: letter, d: "M0 5h26" }));
      dt.append(swatch);
    }
    dt.append(name);
    row.append(dt, dd);
    readout.append(row);
    return dd;
  };
  const place = told("At"), speeds = laps.map((lap, index) => told(lap.name, letters[index]));
  const deltas = others.map((lap) => told(others.length > 1 ? `To ${lap.name}` : "Delta"));
  const show = (index) => {
    chosen = Math.max(0, Math.min(last, index));
    for (const each of scales) each(chosen);
    const metres = `${Math.round(at[chosen])} m`;
    place.textContent = metres;
    speeds.forEach((dd, row) => { const v = laps[row].kmh[chosen]; dd.textContent = v === null ? "·" : `${v.toFixed(1)} km/h`; });
    deltas.forEach((dd, row) => { const v = others[row].ms[chosen]; dd.textContent = v === null ? "·" : `${seconds(v)} s`; });
    plot.setAttribute("aria-valuenow", Math.round(at[chosen]));
    plot.setAttribute("aria-valuetext", [metres, ...laps.map((lap, row) => `${lap.name} ${speeds[row].textContent}`),
      ...others.map((lap, row) => `${deltas[row].textContent} to ${lap.name}`)].join(", "));
  };
  const nearest = (m) => {
    let low = 0, high = last;
    while (high - low > 1) { const middle = (low + high) >> 1; if (at[middle] > m) high = middle; else low = middle; }
    return m - at[low] <= at[high] - m ? low : high;
  };
  plot.addEventListener("pointermove", (event) => {
    const box = speed.getBoundingClientRect();
    show(nearest((event.clientX - box.left - 44) / (box.width - 54) * length));
  });
  map?.addEventListener("pointermove", (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    let best = -1, least = 60 ** 2;
    laps[0].xy.forEach((each, index) => {
      const away = each ? (each[0] - point.x) ** 2 + (each[1] - point.y) ** 2 : Infinity;
      if (away < least) [best, least] = [index, away];
    });
    if (best >= 0) show(best);
  });
  const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 25, PageDown: -25, Home: -Infinity, End: Infinity };
  plot.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    show(Number.isFinite(by) ? chosen + by * (event.shiftKey ? 10 : 1) : by > 0 ? last : 0);
  });

  // --- width --------------------------------------------------------------------------------------------------------
  plot.setAttribute("aria-valuemax", Math.round(length));
  const wide = () => Math.max(280, Math.round(speed.parentElement.clientWidth - parseFloat(getComputedStyle(speed.parentElement).paddingLeft) * 2));
  chosen = nearest(data.corners.length ? data.corners[0][1] : 0);
  const redraw = () => { const width = onPaper ? PRINTED : wide(); if (width !== drawn) draw(drawn = width); };
  redraw();
  new ResizeObserver(redraw).observe(plot);
  for (const [event, paper] of [["beforeprint", true], ["afterprint", false]]) addEventListener(event, () => { onPaper = paper; redraw(); });
})();

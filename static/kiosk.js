// The kiosk: a file is put in as soon as it is chosen; without a touch the first page comes back.
"use strict";
(() => {
  const kiosk = document.querySelector("#kiosk"), form = document.querySelector("form.bring");
  const homeMs = 1000 * Number(kiosk.dataset.home);
  let busy = false, since = performance.now();
  for (const kind of ["pointerdown", "keydown", "input"]) document.addEventListener(kind, () => { since = performance.now(); }, { passive: true });
  if (homeMs) setInterval(() => { if (!busy && performance.now() - since >= homeMs) location.replace("/kiosk"); }, 1000);
  if (!form) return;
  const input = form.querySelector("input[type=file]"), says = form.querySelector("[role=status]");
  const { token, sentenceOf } = window.trackd;
  const fail = (words) => { busy = false; since = performance.now(); form.reset(); says.dataset.kind = "bad"; says.textContent = words; };
  input.addEventListener("change", () => {
    const file = input.files[0];
    if (busy || !file) return;
    const request = new XMLHttpRequest(), body = new FormData();
    busy = true;
    delete says.dataset.kind;
    says.textContent = `${file.name} is on its way.`;
    body.append("file", file);
    request.upload.addEventListener("progress", ({ loaded, total }) => { says.textContent = `${file.name}: ${Math.floor(100 * loaded / (total || 1))} %`; });
    request.addEventListener("load", () => {
      if (request.status >= 400) return void fail(sentenceOf(request.responseText) || "The box refused this.");
      location.assign(`/kiosk/recording/${JSON.parse(request.responseText).id}`);
    });
    request.addEventListener("error", () => fail("The box did not answer. Leave the stick in and choose the file again."));
    request.open("POST", "/api/v1/recordings?from=kiosk");
    request.setRequestHeader("X-CSRF-Token", token());
    request.send(body);
  });
})();

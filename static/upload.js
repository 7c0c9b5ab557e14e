// Recordings put in: chosen, or dropped anywhere on the page; one after the other, with how far each is.
"use strict";
(() => {
  const form = document.querySelector("form.drop");
  if (!form) return;
  const input = form.querySelector("input[type=file]"), says = form.querySelector("[role=status]");
  const { token, sentenceOf } = window.trackd;
  const send = (file, place) => new Promise((done, failed) => {
    const request = new XMLHttpRequest(), body = new FormData();
    body.append("file", file);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      says.textContent = `${place}${file.name}: ${Math.floor(100 * loaded / (total || 1))} %`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) done();
      else failed(new Error(sentenceOf(request.responseText) || "The box refused this."));
    });
    request.addEventListener("error", () => failed(new Error("The box did not answer. What is in the list is safe.")));
    request.open("POST", "/api/v1/recordings?from=upload");
    request.setRequestHeader("X-CSRF-Token", token());
    request.send(body);
  });
  let busy = false;
  const take = async (files) => {
    if (busy || !files.length) return;
    busy = true;
    const faults = [];
    for (const [index, file] of [...files].entries()) {
      try { await send(file, files.length > 1 ? `${index + 1} of ${files.length}, ` : ""); } catch (error) { faults.push(`${file.name}: ${error.message}`); }
    }
    busy = false;
    form.reset();
    if (!faults.length) return void location.reload();
    says.textContent = faults.join(" ");
    says.dataset.kind = "bad";
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); take(input.files); });
  document.addEventListener("dragover", (event) => { event.preventDefault(); form.dataset.over = ""; });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) delete form.dataset.over; });
  document.addEventListener("drop", (event) => { event.preventDefault(); delete form.dataset.over; take(event.dataTransfer.files); });
})();

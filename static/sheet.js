// A sheet that was asked to print does so once it is drawn: `?print` in its address.
"use strict";
if (new URLSearchParams(location.search).has("print")) {
  addEventListener("load", () => document.fonts.ready.then(() => print()));
}

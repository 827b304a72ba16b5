// Saves what a person chose or typed before they press Send. Without it the pages work the same.
"use strict";
(() => {
  const form = document.querySelector("form[data-keep]");
  const kept = document.getElementById("kept");
  if (!form || !kept) return;
  let timer = 0, busy = false, again = false;

  async function keep() {
    if (busy) { again = true; return; }
    busy = true; again = false;
    form.elements.number.value = Date.now();
    const body = new URLSearchParams(new FormData(form));
    body.set("own", "1");
    try {
      const answer = await fetch(form.action, { method: "POST", body, keepalive: true });
      if (answer.status === 204) kept.textContent = kept.dataset.kept;
    } catch { /* Send says so, and keeps what was typed */ }
    busy = false;
    if (again) keep();
  }

  // A person is here once a finger, mouse or key says so; nothing else is told, least of all a score.
  const signs = ["pointerdown", "pointermove", "keydown", "wheel"];
  let here = 0;
  function seen(event) {
    if (!event.isTrusted) return;
    for (const sign of signs) removeEventListener(sign, seen);
    here = setTimeout(() => navigator.sendBeacon(form.action, new URLSearchParams("own=1")), 1000);
  }
  if ("start" in form.dataset) for (const sign of signs) addEventListener(sign, seen);

  form.addEventListener("input", (event) => {
    if (!event.isTrusted) return;
    kept.textContent = "";
    clearTimeout(timer);
    clearTimeout(here);
    timer = setTimeout(keep, event.target.name === "comment" ? 1000 : 0);
  });
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    clearTimeout(here);
    again = false;
    form.elements.number.value = Date.now();
  });
})();

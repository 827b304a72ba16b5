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

  form.addEventListener("input", (event) => {
    if (!event.isTrusted) return;
    kept.textContent = "";
    clearTimeout(timer);
    timer = setTimeout(keep, event.target.name === "comment" ? 1000 : 0);
  });
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    again = false;
    form.elements.number.value = Date.now();
  });
})();

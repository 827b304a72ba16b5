// Keeps the list fresh: a poke from the server, and this asks for the rows the filters show.
"use strict";
(() => {
  const rows = document.getElementById("rows");
  const state = document.getElementById("live");
  let busy = false, again = false;

  const say = (well) => {
    const text = well ? state.dataset.on : state.dataset.off;
    if (state.textContent !== text) state.textContent = text;
    state.className = well ? "" : "off";
  };

  async function refresh() {
    if (busy || rows.querySelector(":active")) { again = true; return; }
    busy = true; again = false;
    try {
      const query = new URLSearchParams(location.search);
      query.set("fragment", "rows");
      const answer = await fetch("/?" + query, { headers: { Accept: "text/html" } });
      if (answer.status === 401) { location.reload(); return; } // the sign-in is over
      if (answer.ok) {
        const focused = rows.contains(document.activeElement) && document.activeElement.id;
        rows.innerHTML = await answer.text();
        if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      }
      say(answer.ok);
    } catch { say(false); }
    setTimeout(() => { busy = false; if (again) refresh(); }, 300);
  }

  function listen() {
    const source = new EventSource("/live");
    source.onopen = refresh;
    source.addEventListener("changed", refresh);
    source.onerror = () => {
      say(false);
      // A browser retries a broken stream, but gives up on a refused one.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    };
  }

  listen();
  setInterval(refresh, 60000);
})();

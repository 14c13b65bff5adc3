// Keeps a page current, says how old its numbers are, and filters without loading it anew.
// Everything here is a convenience: each page works without it.
"use strict";

const root = document.documentElement;
const seconds = Number(document.body.dataset.refresh) || 10;
const notice = document.getElementById("notice");
const form = document.getElementById("filter");

/** When the numbers on the page were true, by this machine's own clock. */
let truth = performance.now() - 1000 * (Number(document.body.dataset.age) || 0);
let timer;
let asking;

/** Makes a node what another is, and leaves alone what is the same, so that focus, scroll and selection stay. */
function become(old, fresh) {
  if (old.isEqualNode(fresh)) {
    return;
  }
  if (old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) {
    old.replaceWith(fresh);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
  } else {
    attributes(old, fresh);
    children(old, fresh);
  }
}

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    // Whoever opened something keeps it open.
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
}

function children(old, fresh) {
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  const wanted = new Set([...fresh.children].map((child) => child.id));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    while (at && at.id && !wanted.has(at.id)) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
    const match = next.id ? known.get(next.id) : at && !at.id ? at : null;
    if (!match) {
      old.insertBefore(next, at);
      continue;
    }
    if (match === at) {
      at = at.nextSibling;
    } else {
      old.insertBefore(match, at);
    }
    become(match, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const asked = new AbortController();
  asking = asked;
  const patience = setTimeout(() => asked.abort(), 10000);
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: asked.signal });
    if (!answer.ok) {
      throw new Error("status " + answer.status);
    }
    const text = await answer.text();
    if (asking === asked) {
      show(new DOMParser().parseFromString(text, "text/html"));
    }
  } catch {
    if (asking === asked) {
      gone(true);
    }
  }
  clearTimeout(patience);
  if (asking === asked) {
    timer = setTimeout(refresh, seconds * 1000);
  }
}

function show(page) {
  const focused = document.activeElement;
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) {
      become(part, fresh);
    }
  }
  if (focused !== document.activeElement && focused?.id) {
    document.getElementById(focused.id)?.focus({ preventScroll: true });
  }
  document.title = page.title;
  truth = performance.now() - 1000 * (Number(page.body.dataset.age) || 0);
  gone(false);
  tick();
}

/** Says once that the server is gone; the age of the numbers says the rest. */
function gone(yes) {
  notice.hidden = !yes;
  root.classList.toggle("gone", yes);
}

/** Says how old the numbers are. */
function tick() {
  const age = Math.max(0, Math.round((performance.now() - truth) / 1000));
  const said = document.getElementById("age");
  if (said) {
    said.textContent = age < 120 ? age + " s old" : Math.floor(age / 60) + " min old";
  }
}

/** Goes to another filter without loading the page anew. */
function go(url, replace) {
  if (replace) {
    history.replaceState(null, "", url);
  } else {
    history.pushState(null, "", url);
  }
  refresh();
}

function filtered() {
  const url = new URL(location.href);
  for (const [name, value] of new FormData(form)) {
    if (value) {
      url.searchParams.set(name, value);
    } else {
      url.searchParams.delete(name);
    }
  }
  return url;
}

if (form) {
  let typing;
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => go(filtered(), true), 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    go(filtered(), true);
  });
  document.getElementById("moods").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      form.elements.state.value = new URL(link.href).searchParams.get("state") || "";
      go(link.href, false);
    }
  });
  addEventListener("popstate", () => {
    const values = new URL(location.href).searchParams;
    for (const name of ["q", "service", "state"]) {
      form.elements[name].value = values.get(name) || "";
    }
    refresh();
  });
  form.querySelector("button").hidden = true;
}

const toggle = document.getElementById("theme");
if (toggle) {
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const label = () => toggle.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
  toggle.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  toggle.hidden = false;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    refresh();
  }
});
setInterval(tick, 1000);
tick();
timer = setTimeout(refresh, seconds * 1000);

// Keeps the board current: asks for the page again and puts its content in place of the old one.
"use strict";

const seconds = Number(document.body.dataset.refresh) || 10;
const notice = document.getElementById("notice");

async function refresh() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) {
      throw new Error("status " + answer.status);
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("board").replaceWith(page.getElementById("board"));
    notice.hidden = true;
  } catch {
    // The numbers on the wall are old from now on, and say so.
    notice.hidden = false;
  }
  setTimeout(refresh, seconds * 1000);
}

setTimeout(refresh, seconds * 1000);

// Takes the theme that was chosen before, while nothing is drawn yet, so that no page flashes in the other one.
"use strict";

try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
  }
} catch {
  // Without storage the system's preference holds.
}

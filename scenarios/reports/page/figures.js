"use strict";
// Draws the figures; their data name colours by role, and each palette has its own for it.
tclearn.figures = (() => {
  const DARK = matchMedia("(prefers-color-scheme: dark)");
  const TOUCH = matchMedia("(pointer: coarse)");
  let palette = {};
  let figures = {};
  let printing = false;

  const dark = () => DARK.matches && !printing;

  // "@role" or "@role/opacity" where a colour stands; every other text is somebody's words.
  function colour(token) {
    if (typeof token !== "string" || !token.startsWith("@")) return token;
    const [role, opacity] = token.slice(1).split("/");
    const hex = (palette[role] || ["#888888", "#888888"])[dark() ? 1 : 0];
    if (opacity === undefined) return hex;
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${r},${g},${b},${opacity})`;
  }

  function painted(value, key = "") {
    if (Array.isArray(value)) return value.map((each) => painted(each, key));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, k)]));
    }
    return /color$/.test(key) ? colour(value) : value;
  }

  function draw(element) {
    const { data, layout } = painted(figures[element.dataset.figure]);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.dragmode = TOUCH.matches ? false : "zoom";
    layout.autosize = true;
    const plain = layout.xaxis !== undefined && layout.xaxis.visible !== false;
    if (plain && element.clientWidth < 480) Object.assign(layout.margin, { l: 48, r: 8 });
    element.style.height = `${layout.height}px`;
    Plotly.react(element, data, layout, {
      responsive: true,
      displaylogo: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    });
    element.dataset.drawn = "yes";
  }

  const visible = () => [...document.querySelectorAll("[data-figure]")].filter(
    (element) => element.closest("[hidden]") === null,
  );

  // One after the other, so that the page answers meanwhile.
  function drawAll(elements) {
    const [next, ...rest] = elements;
    if (next === undefined) {
      document.documentElement.dataset.figures = "drawn";
      return;
    }
    draw(next);
    setTimeout(drawAll, 0, rest);
  }

  // Of several figures that differ by the values of some axes, the chosen one is shown.
  function choose(group) {
    const selects = [...group.querySelectorAll("select")];
    const wanted = JSON.stringify(selects.map((select) => select.value));
    for (const element of group.querySelectorAll("[data-choice]")) {
      element.hidden = element.dataset.choice !== wanted;
      const inside = element.querySelector("[data-figure]");
      if (!element.hidden && inside.dataset.drawn !== "yes") draw(inside);
    }
  }

  function start() {
    palette = tclearn.data("palette");
    figures = tclearn.data("figures");
    for (const group of document.querySelectorAll(".chooser")) {
      group.addEventListener("change", () => choose(group));
      choose(group);
    }
    drawAll(visible().filter((element) => element.dataset.drawn !== "yes"));
    const again = () => visible().forEach(draw);
    DARK.addEventListener("change", again);
    addEventListener("beforeprint", () => { printing = true; again(); });
    addEventListener("afterprint", () => { printing = false; again(); });
  }

  return { start, colour };
})();

// A field above a table that hides the rows without its words.
tclearn.filters = () => {
  for (const field of document.querySelectorAll("input[data-filters]")) {
    const rows = [...document.getElementById(field.dataset.filters).tBodies[0].rows];
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }
};
